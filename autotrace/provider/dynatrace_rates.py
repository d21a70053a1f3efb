"""How Dynatrace's sampler shares out a number of traces a minute among the kinds of requests.

Each kind has an exponent, and one in two to the power of it is taken; anew every minute, by what
came in the last one.
"""

from __future__ import annotations

from collections.abc import Callable

from autotrace.provider.most_frequent import MostFrequent

KINDS = 100
HIGHEST = 15
DEFAULT_PER_MINUTE = 1000
_MINUTE = 60.0
# A share so small that Envoy's own numbers end.
_LAST = 31
_TRIES = 5


class Rates:
    """The exponents of the last minute, and what came in this one."""

    def __init__(self, per_minute: int, now: Callable[[], float]) -> None:
        self.per_minute = per_minute or DEFAULT_PER_MINUTE
        self._now = now
        self._due = now() + _MINUTE
        self._seen = MostFrequent(KINDS)
        self._exponents: dict[str, int] = {}
        # What stands for kinds that did not come in the last minute.
        self._rest = ""

    def exponent(self, kind: str) -> int:
        """Counts a request of a kind; the exponent for it."""
        now = self._now()
        if now >= self._due:
            self._begin_minute(now)
        self._seen.add(kind)
        found = self._exponents.get(kind)
        if found is None:
            found = self._exponents.get(self._rest)
        if found is not None:
            return found
        half = self.per_minute // 2
        return min(self._seen.total // half, _LAST) if half else HIGHEST

    def _begin_minute(self, now: float) -> None:
        # Where nothing came for a whole minute there is nothing to go by.
        counts = self._seen.counts() if now < self._due + _MINUTE else []
        self._due = now + _MINUTE
        self._seen = MostFrequent(KINDS)
        self._rest = counts[-1][0] if counts else ""
        self._exponents = exponents(counts, self.per_minute)


def exponents(counts: list[tuple[str, int]], wanted: int) -> dict[str, int]:
    """The exponents by which about so many of these requests are taken.

    `counts` are the kinds and how often each came, the most frequent first.
    """
    found = dict.fromkeys((kind for kind, _ in counts), 0)
    if not counts or not wanted:
        return found
    allowed = max(1, wanted // len(counts))
    for kind, count in counts:
        # The highest power of two that is not above this.
        found[kind] = min(max(count // allowed, 1).bit_length() - 1, HIGHEST)
    # Where a kind came seldom, others may have what it leaves, the rarest of them first.
    if _taken(counts, found) >= wanted:
        return found
    for _ in range(_TRIES):
        for kind, _ in reversed(counts):
            found[kind] = max(0, found[kind] - 1)
            if _taken(counts, found) >= wanted:
                return found
    return found


def _taken(counts: list[tuple[str, int]], exponents: dict[str, int]) -> int:
    return sum(count >> exponents[kind] for kind, count in counts)
