"""OpenTracing's headers: `ot-tracer-traceid`, `ot-tracer-spanid`, `ot-tracer-sampled`.

The libraries of Lightstep and OpenTelemetry's OT propagator. A trace id is written with 64 bits,
its right half, since most of them read no more; with 128 where one of that width arrived.
https://github.com/opentracing/basictracer-python/blob/master/basictracer/text_propagator.py
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autotrace.headers import NO_HEADERS
from autotrace.propagation.hop import NOWHERE, Hop
from autotrace.propagation.incoming import Identity, Incoming, incoming
from autotrace.propagation.values import lower_hex

if TYPE_CHECKING:
    from autotrace.headers import Known

TRACE_ID = "ot-tracer-traceid"
SPAN_ID = "ot-tracer-spanid"
SAMPLED = "ot-tracer-sampled"
HEADERS = (TRACE_ID, SPAN_ID, SAMPLED)

# C++ writes digits, the others words.
_STATES = {"true": 1, "1": 1, "false": 0, "0": 0}
_ZERO = "0" * 16
_ZEROS = frozenset((_ZERO, _ZERO + _ZERO))


def extract(known: Known) -> Incoming | None:
    """The caller's span; nothing if one of its ids is absent or malformed."""
    trace_id = known.get(TRACE_ID, "")
    span_id = known.get(SPAN_ID, "")
    if not trace_id or not span_id or len(trace_id) > 32 or len(span_id) > 16:
        return None
    # Some write ids as numbers, without the zeros in front.
    trace_id = trace_id.rjust(16 if len(trace_id) <= 16 else 32, "0")
    lower = lower_hex(trace_id + span_id.rjust(16, "0"))
    trace_id, span_id = lower[:-16], lower[-16:]
    if not lower or trace_id in _ZEROS or span_id == _ZERO:
        return None
    state = _STATES.get(known.get(SAMPLED, "").lower())
    return incoming("ottrace", trace_id, span_id, state)


def inject(
    span: Identity, known: Known = NO_HEADERS, hop: Hop = NOWHERE
) -> tuple[tuple[str, str], ...]:
    """The headers that make `span` the receiver's parent."""
    trace_id = span.trace_id
    if len(trace_id) == 32 and len(known.get(TRACE_ID, "")) <= 16:
        trace_id = trace_id[16:]
        if trace_id == _ZERO:
            # Half of an id that is nothing: it cannot be named here.
            return ()
    ids = (TRACE_ID, trace_id), (SPAN_ID, span.span_id)
    if span.sampled is None:
        return ids
    return (*ids, (SAMPLED, "true" if span.sampled else "false"))
