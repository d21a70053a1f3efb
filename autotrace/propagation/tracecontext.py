"""W3C Trace Context: `traceparent` and `tracestate`.

https://www.w3.org/TR/trace-context-2/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from autotrace.headers import NO_HEADERS
from autotrace.propagation.hop import NOWHERE, Hop
from autotrace.propagation.incoming import Identity, Incoming
from autotrace.propagation.values import MAX_LENGTH

if TYPE_CHECKING:
    from autotrace.headers import Known

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"
HEADERS = (TRACEPARENT, TRACESTATE)

_IDS = "([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})"
_version_00 = re.compile(f"00-{_IDS}").fullmatch
# A later version may say more behind its flags; 00 may not, and ff is forbidden.
_later_version = re.compile(f"(?!00|ff)[0-9a-f]{{2}}-{_IDS}(?:-.*)?").fullmatch

_ZERO_TRACE = "0" * 32
_ZERO_SPAN = "0" * 16
# Bit 0: sampled. Bit 1: the trace id is random. The rest is reserved and not sent on.
_FLAGS = {f"{flags:02x}": (flags & 1, bool(flags & 2)) for flags in range(256)}


def extract(known: Known) -> Incoming | None:
    """The caller's span; nothing if `traceparent` is absent, repeated or malformed."""
    value = known.get(TRACEPARENT)
    if value is None:
        return None
    match = _version_00(value) or _unusual(value)
    if match is None:
        return None
    trace_id, span_id, flags = match.groups()
    if trace_id == _ZERO_TRACE or span_id == _ZERO_SPAN:
        return None
    made = Incoming()
    made.format = "tracecontext"
    made.trace_id = trace_id
    made.span_id = span_id
    made.parent_id = ""
    made.sampled, made.random = _FLAGS[flags]
    if known.repeated:
        if any(name == TRACEPARENT for name, _ in known.repeated):
            return None
        made.states = known.all(TRACESTATE)
    else:
        state = known.get(TRACESTATE)
        made.states = () if state is None else (state,)
    return made


def _unusual(value: str) -> re.Match[str] | None:
    """Matches a later version, and values whose server did not take blanks off."""
    if len(value) > MAX_LENGTH:
        return None
    value = value.strip(" \t")
    return _version_00(value) or _later_version(value)


def inject(
    span: Identity, known: Known = NO_HEADERS, hop: Hop = NOWHERE
) -> tuple[tuple[str, str], ...]:
    """The headers that make `span` the receiver's parent."""
    trace_id = span.trace_id
    if len(trace_id) != 32:
        trace_id = trace_id.rjust(32, "0")
    if span.random:
        flags = "03" if span.sampled else "02"
    else:
        flags = "01" if span.sampled else "00"
    parent = (TRACEPARENT, f"00-{trace_id}-{span.span_id}-{flags}")
    return (parent, (TRACESTATE, span.tracestate)) if span.tracestate else (parent,)
