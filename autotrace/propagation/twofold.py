"""W3C Trace Context and B3 in several headers, which come out of most meshes together.

One proxy has written both. Where they say the same in so many words, both together cost no more to
read than one of them. We write both too, unless configured otherwise, in the form that is wanted.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from autotrace.propagation.b3multi import FLAGS, PARENT_ID, SAMPLED, SPAN_ID, TRACE_ID, WRITTEN
from autotrace.propagation.incoming import Identity, Incoming
from autotrace.propagation.tracecontext import TRACEPARENT, TRACESTATE
from autotrace.propagation.tracestate import tracestate

if TYPE_CHECKING:
    from autotrace.headers import Known

# What both say: `traceparent`, `tracestate`; B3's trace, span and parent ids, and its decision.
Told = tuple[str, str, str, str, str, "int | None"]

_NEEDED = frozenset((TRACEPARENT, TRACE_ID, SPAN_ID, SAMPLED))
_ZERO_TRACE, _ZERO_SPAN = "0" * 32, "0" * 16
# Digits of all ids together, without a parent's and with one.
_LENGTHS = frozenset((48, 64))

# What B3 says of a decision.
_STATES = {None: ""} | {
    state: f"\r\n{name}: {value}" for state, (name, value) in enumerate(WRITTEN)
}

_from_hex = bytes.fromhex


def is_likely(names: Collection[str]) -> bool:
    """Whether these headers, of both formats and no other, are all that `extract` needs."""
    return _NEEDED.issubset(names) and FLAGS not in names


def refuses(known: Known) -> bool:
    """Whether both name one span and say that it is not sampled.

    That counts whether or not its ids are any good, which is not looked at.
    """
    return (
        known[SAMPLED] == "0"
        and known[TRACEPARENT] == f"00-{known[TRACE_ID]}-{known[SPAN_ID]}-00"
        and not known.repeated
    )


def extract(known: Known) -> Incoming | None:
    """The caller's span; nothing if the formats do not agree, or spell anything unusually."""
    trace_id = known[TRACE_ID]
    span_id = known[SPAN_ID]
    said = known[SAMPLED]
    if known[TRACEPARENT] != f"00-{trace_id}-{span_id}-0{said}" or known.repeated:
        return None
    parent_id = known.get(PARENT_ID, "")
    if (said != "0" and said != "1") or not _are_ids(trace_id, span_id, parent_id):
        return None
    made = Incoming()
    made.format = "tracecontext"
    made.trace_id = trace_id
    made.span_id = span_id
    made.parent_id = parent_id
    made.sampled = 1 if said == "1" else 0
    made.random = False
    made.states = (known[TRACESTATE],) if TRACESTATE in known else ()
    return made


def as_it_came(known: Known) -> Told | None:
    """What is sent on of headers that refuse a span; None if that has to be written anew."""
    trace_id = known[TRACE_ID]
    span_id = known[SPAN_ID]
    parent_id = known.get(PARENT_ID, "")
    if not _are_ids(trace_id, span_id, parent_id):
        return None
    states = tracestate((known[TRACESTATE],)) if TRACESTATE in known else ""
    return known[TRACEPARENT], states, trace_id, span_id, parent_id, 0


def inject(span: Identity) -> Told:
    """The headers that make `span` the receiver's parent."""
    trace_id = span.trace_id
    span_id = span.span_id
    state = span.sampled
    wide = trace_id if len(trace_id) == 32 else trace_id.rjust(32, "0")
    flags = (2 if span.random else 0) + (1 if state else 0)
    traceparent = f"00-{wide}-{span_id}-0{flags}"
    return traceparent, span.tracestate, trace_id, span_id, span.parent_id, state


def pairs(told: Told) -> list[tuple[str, str]]:
    """The headers as names and values."""
    traceparent, states, trace_id, span_id, parent_id, state = told
    made = [(TRACEPARENT, traceparent), (TRACE_ID, trace_id), (SPAN_ID, span_id)]
    if state is not None:
        made.append(WRITTEN[state])
    if parent_id:
        made.append((PARENT_ID, parent_id))
    if states:
        made.append((TRACESTATE, states))
    return made


def text(told: Told) -> str:
    """The headers as HTTP/1.1 has them, without a last line end."""
    traceparent, states, trace_id, span_id, parent_id, state = told
    rest = _STATES[state]
    if parent_id:
        rest = f"\r\nx-b3-parentspanid: {parent_id}{rest}"
    if states:
        rest = f"\r\ntracestate: {states}{rest}"
    return f"traceparent: {traceparent}\r\nx-b3-traceid: {trace_id}\r\nx-b3-spanid: {span_id}{rest}"


def _are_ids(trace_id: str, span_id: str, parent_id: str) -> bool:
    """Whether these are ids of both formats; there may be no parent's."""
    digits = f"{trace_id}{span_id}{parent_id}"
    if len(trace_id) != 32 or len(span_id) != 16 or len(digits) not in _LENGTHS:
        return False
    try:
        # Upper case comes back in lower case, and blanks do not come back.
        return (
            _from_hex(digits).hex() == digits and trace_id != _ZERO_TRACE and span_id != _ZERO_SPAN
        )
    except ValueError:
        return False
