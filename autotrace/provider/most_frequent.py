"""Which keys come most often, counted in little room (the "space saving" algorithm).

Metwally, Agrawal, El Abbadi: Efficient Computation of Frequent and Top-k Elements in Data Streams.
"""

from __future__ import annotations


class MostFrequent:
    """The counts of as many keys as there is room for; a new one takes over the rarest's."""

    def __init__(self, room: int) -> None:
        self.total = 0
        self._room = room
        # key -> how often it came at most, and when last.
        self._counts: dict[str, tuple[int, int]] = {}

    def add(self, key: str) -> None:
        """Counts a key."""
        self.total += 1
        counts = self._counts
        count = counts.get(key, (0, 0))[0]
        if not count and len(counts) >= self._room:
            # Of the rarest the one that came last.
            rarest = min(counts, key=lambda each: (counts[each][0], -counts[each][1]))
            count = counts.pop(rarest)[0]
        counts[key] = (count + 1, self.total)

    def counts(self) -> list[tuple[str, int]]:
        """The keys with their counts, the most frequent first."""
        found = sorted(self._counts.items(), key=lambda each: (-each[1][0], each[1][1]))
        return [(key, count) for key, (count, _) in found]
