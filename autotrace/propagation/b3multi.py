"""B3 in several headers, as Envoy's Zipkin tracer writes it.

https://github.com/openzipkin/b3-propagation#multiple-headers
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autotrace.headers import NO_HEADERS
from autotrace.propagation.hop import NOWHERE, Hop
from autotrace.propagation.incoming import Identity, Incoming, incoming
from autotrace.propagation.values import lower_hex

if TYPE_CHECKING:
    from autotrace.headers import Known

TRACE_ID = "x-b3-traceid"
SPAN_ID = "x-b3-spanid"
PARENT_ID = "x-b3-parentspanid"
SAMPLED = "x-b3-sampled"
FLAGS = "x-b3-flags"
HEADERS = (TRACE_ID, SPAN_ID, PARENT_ID, SAMPLED, FLAGS)

# true and false are what early tracers sent; d belongs to the single header, but is sent too.
_STATES: dict[str | None, int] = {"0": 0, "1": 1, "d": 2}
_STATES |= {
    spelling: state
    for word, state in (("false", 0), ("true", 1))
    for spelling in (word, word.title(), word.upper())
}
# Debug implies the decision, so nothing else may be said beside it.
WRITTEN = ((SAMPLED, "0"), (SAMPLED, "1"), (FLAGS, "1"))
_ZERO = "0" * 16
_ZEROS = frozenset((_ZERO, "0" * 32))

_from_hex = bytes.fromhex


def extract(known: Known) -> Incoming | None:
    """The caller's span or only its sampling wish; nothing if both are absent or malformed."""
    get = known.get
    said = get(SAMPLED)
    state = 1 if said == "1" else _STATES.get(said)
    if get(FLAGS) == "1":
        state = 2
    trace_id = get(TRACE_ID, "")
    span_id = get(SPAN_ID, "")
    length = len(trace_id)
    if len(span_id) != 16 or (length != 32 and length != 16):
        return None if state is None else incoming("b3multi", "", "", state)
    parent_id = get(PARENT_ID, "")
    if len(parent_id) != 16:
        parent_id = ""
    digits = f"{trace_id}{span_id}{parent_id}"
    try:
        lower = _from_hex(digits).hex()
    except ValueError:
        lower = ""
    if lower != digits:
        # A wrong parent id is no reason to lose the trace: nothing hangs on it.
        trace_id, span_id = lower_hex(trace_id), lower_hex(span_id)
        parent_id = lower_hex(parent_id)
        if not trace_id or not span_id:
            return None if state is None else incoming("b3multi", "", "", state)
    if span_id == _ZERO or trace_id in _ZEROS:
        return None if state is None else incoming("b3multi", "", "", state)
    made = Incoming()
    made.format = "b3multi"
    made.trace_id = trace_id
    made.span_id = span_id
    made.parent_id = parent_id
    made.sampled = state
    made.states = ()
    made.random = False
    return made


def inject(
    span: Identity, known: Known = NO_HEADERS, hop: Hop = NOWHERE
) -> tuple[tuple[str, str], ...]:
    """The headers that make `span` the receiver's parent."""
    ids = (TRACE_ID, span.trace_id), (SPAN_ID, span.span_id)
    state = span.sampled
    if span.parent_id:
        if state is None:
            return (*ids, (PARENT_ID, span.parent_id))
        return (*ids, (PARENT_ID, span.parent_id), WRITTEN[state])
    return ids if state is None else (*ids, WRITTEN[state])
