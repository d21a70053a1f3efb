"""Headers that are carried from an inbound call to the outbound ones as they are.

These are what Envoy's and Istio's documentation asks applications to copy, as far as no module
here reads them. A format that is not understood still reaches those who understand it.
"""

from __future__ import annotations

from collections.abc import Set
from itertools import chain
from typing import TYPE_CHECKING

from autotrace.propagation.values import acceptable

if TYPE_CHECKING:
    from autotrace.headers import Known

# header -> format it belongs to
FORWARDED: dict[str, str] = {
    "x-datadog-trace-id": "datadog",
    "x-datadog-parent-id": "datadog",
    "x-datadog-sampling-priority": "datadog",
    "x-datadog-origin": "datadog",
    "x-datadog-tags": "datadog",
    "x-datadog-sampled": "datadog",
    "sw8": "sw8",
    "sw8-correlation": "sw8",
    "sw8-x": "sw8",
    "x-amzn-trace-id": "xray",
    "x-ot-span-context": "ot",
    "ot-tracer-traceid": "ottrace",
    "ot-tracer-spanid": "ottrace",
    "ot-tracer-sampled": "ottrace",
    "x-cloud-trace-context": "cloudtrace",
    "grpc-trace-bin": "grpcbin",
    "uber-trace-id": "jaeger",
    "jaeger-baggage": "jaeger",
}

# announcing header -> prefix of its baggage, one header an item
FAMILIES: dict[str, str] = {"ot-tracer-traceid": "ot-baggage-", "uber-trace-id": "uberctx-"}
_ANNOUNCING = frozenset(FAMILIES)
_PREFIXES = tuple(FAMILIES.values())

# All values of one call together: no more is read, so that hostile headers cost little.
MAX_CARRIED = 65536


def carried(known: Known, names: Set[str]) -> list[tuple[str, str]]:
    """The headers to send on byte for byte: those of `names` and the families they announce."""
    prefixes: tuple[str, ...] = ()
    if not _ANNOUNCING.isdisjoint(known):
        prefixes = tuple(FAMILIES[name] for name in _ANNOUNCING if name in known and name in names)
    elif not known.repeated and acceptable("".join(known.values())):
        # Nearly always: one look at all of them.
        return [pair for pair in known.items() if pair[0] in names]
    pairs: list[tuple[str, str]] = []
    room = MAX_CARRIED
    for pair in chain(known.items(), known.repeated) if known.repeated else known.items():
        name, value = pair
        if name in names or (prefixes and name.startswith(prefixes)):
            room -= len(value)
            if room < 0:
                break
            if acceptable(value):
                pairs.append(pair)
    return pairs


def in_family(name: str) -> bool:
    """Whether a header is an item of baggage of its own name."""
    return name.startswith(_PREFIXES)
