"""Jaeger's header: `uber-trace-id: {trace}:{span}:{parent}:{flags}`, all of it hex.

https://www.jaegertracing.io/docs/1.21/client-libraries/#propagation-format
Zeros in front may be missing. `jaeger-debug-id` alone asks for a new trace in debug mode.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autotrace.headers import NO_HEADERS
from autotrace.propagation.hop import NOWHERE, Hop
from autotrace.propagation.incoming import Identity, Incoming, incoming
from autotrace.propagation.values import lower_hex

if TYPE_CHECKING:
    from autotrace.headers import Known

UBER_TRACE_ID = "uber-trace-id"
DEBUG_ID = "jaeger-debug-id"
HEADERS = (UBER_TRACE_ID, DEBUG_ID)

_ZERO = "0" * 16
_ZEROS = frozenset((_ZERO, _ZERO + _ZERO))
_LONGEST = 32 + 16 + 16 + 2 + 3 * len("%3A")
# By the last digit. Bit 0: sampled. Bit 1: debug, which implies it. The rest is of no concern here.
_STATES = {f"{flags:x}": 2 if flags & 2 else flags & 1 for flags in range(16)}
_WRITTEN = ("0", "1", "3")


def extract(known: Known) -> Incoming | None:
    """The caller's span, or only the wish to debug; nothing if both are absent or malformed."""
    value = known.get(UBER_TRACE_ID)
    if value:
        found = _span(value)
        if found is not None:
            return found
    # With a span it only labels a trace that exists.
    return incoming("jaeger", "", "", 2) if DEBUG_ID in known else None


def _span(value: str) -> Incoming | None:
    if len(value) > _LONGEST:
        return None
    if "%" in value:
        # Some clients encode it like a part of an address.
        value = value.replace("%3A", ":").replace("%3a", ":")
    parts = value.split(":")
    if len(parts) != 4 or len(parts[3]) > 2:
        return None
    trace_id, span_id, parent_id, flags = parts
    if not (trace_id and span_id and flags) or len(trace_id) > 32 or len(span_id) > 16:
        return None
    trace_id = trace_id.rjust(16 if len(trace_id) <= 16 else 32, "0")
    lower = lower_hex(trace_id + span_id.rjust(16, "0") + flags.rjust(2, "0"))
    trace_id, span_id, flags = lower[:-18], lower[-18:-2], lower[-2:]
    if not lower or trace_id in _ZEROS or span_id == _ZERO:
        return None
    state = _STATES[flags[1]]
    # Deprecated, and no reason to lose the trace; 0 says that there is none.
    parent_id = lower_hex(parent_id.rjust(16, "0")) if len(parent_id) <= 16 else ""
    return incoming("jaeger", trace_id, span_id, state, "" if parent_id == _ZERO else parent_id)


def inject(
    span: Identity, known: Known = NO_HEADERS, hop: Hop = NOWHERE
) -> tuple[tuple[str, str], ...]:
    """The header that makes `span` the receiver's parent."""
    flags = _WRITTEN[span.sampled or 0]
    text = f"{span.trace_id}:{span.span_id}:{span.parent_id or '0'}:{flags}"
    return ((UBER_TRACE_ID, text),)
