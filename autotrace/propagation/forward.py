"""Headers that are carried from an inbound call to the outbound ones as they are.

These are what Envoy's and Istio's documentation asks applications to copy, as far as no module
here reads them, and baggage of which each item has a header of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from typing import TYPE_CHECKING

from autotrace.propagation.values import acceptable, all_acceptable

if TYPE_CHECKING:
    from autotrace.headers import Known

# header -> format it belongs to
FORWARDED: dict[str, str] = {
    # Of no use to anybody, but in the list of an application's duties.
    "x-datadog-sampled": "datadog",
    "jaeger-baggage": "jaeger",
}

# announcing header -> prefix of its baggage, one header an item
FAMILIES: dict[str, str] = {"ot-tracer-traceid": "ot-baggage-", "uber-trace-id": "uberctx-"}
_ANNOUNCING = frozenset(FAMILIES)
_PREFIXES = tuple(FAMILIES.values())

# All values of one call together: no more is read, so that hostile headers cost little.
MAX_CARRIED = 65536


def carried(names: Iterable[str], wanted: Set[str]) -> tuple[str, ...]:
    """Which headers that arrived are sent on: those wanted, and the families that they announce."""
    names = tuple(names)
    prefixes = tuple(FAMILIES[name] for name in names if name in _ANNOUNCING)
    return tuple(
        name for name in names if name in wanted or (prefixes and name.startswith(prefixes))
    )


def carry(known: Known, names: Sequence[str]) -> list[tuple[str, str]]:
    """These headers, byte for byte, repeated ones beside each other; no unfit values."""
    if not known.repeated and all_acceptable([known[name] for name in names]):
        return [(name, known[name]) for name in names]
    pairs: list[tuple[str, str]] = []
    room = MAX_CARRIED
    for name in names:
        for value in known.all(name):
            room -= len(value)
            if room < 0:
                return pairs
            if acceptable(value):
                pairs.append((name, value))
    return pairs


def carry_text(known: Known) -> str:
    """Every header that is known, as HTTP/1.1 has them; nothing where `carry` has to choose."""
    if known.repeated or not all_acceptable(known.values()):
        return ""
    return "\r\n".join(map(": ".join, known.items()))


def in_family(name: str) -> bool:
    """Whether a header is an item of baggage of its own name."""
    return name.startswith(_PREFIXES)
