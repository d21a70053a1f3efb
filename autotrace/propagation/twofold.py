"""W3C Trace Context and B3 in several headers, which come out of most meshes together.

One proxy has written both. Where they say the same in so many words, reading them at once takes
half of what each of them takes, and leaves nothing to be read.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from autotrace.propagation.b3multi import FLAGS, PARENT_ID, SAMPLED, SPAN_ID, TRACE_ID
from autotrace.propagation.incoming import Incoming
from autotrace.propagation.tracecontext import TRACEPARENT, TRACESTATE

if TYPE_CHECKING:
    from autotrace.headers import Known

_NEEDED = frozenset((TRACEPARENT, TRACE_ID, SPAN_ID, SAMPLED))
_WIDTHS = 32, 16
_ZEROS = "0" * 32, "0" * 16

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
    digits = f"{trace_id}{span_id}{parent_id}"
    if len(trace_id) != 32 or len(span_id) != 16 or len(digits) not in (48, 64):
        return None
    try:
        if _from_hex(digits).hex() != digits:
            return None
    except ValueError:
        return None
    if (said != "0" and said != "1") or trace_id == _ZEROS[0] or span_id == _ZEROS[1]:
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
