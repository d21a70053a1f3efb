"""B3 in one header: `b3: {trace}-{span}[-{sampling}[-{parent}]]`, or the sampling state alone.

https://github.com/openzipkin/b3-propagation#single-header
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from autotrace.headers import NO_HEADERS
from autotrace.propagation.hop import NOWHERE, Hop
from autotrace.propagation.incoming import Identity, Incoming, incoming

if TYPE_CHECKING:
    from autotrace.headers import Known

B3 = "b3"
HEADERS = (B3,)

_HEX_16 = "[0-9a-f]{16}"
_span = re.compile(f"({_HEX_16}(?:{_HEX_16})?)-({_HEX_16})(?:-([01d])(?:-({_HEX_16}))?)?").fullmatch
_STATES = {"0": 0, "1": 1, "d": 2, None: None}
_WRITTEN = ("0", "1", "d")
_ZEROS = frozenset(("0" * 16, "0" * 32))
_LONGEST = 68


def extract(known: Known) -> Incoming | None:
    """The caller's span or only its sampling wish; nothing if absent or malformed."""
    value = known.get(B3)
    if value is None or len(value) > _LONGEST:
        return None
    match = _span(value) or _span(value.lower())
    if match is None:
        return incoming("b3", "", "", _STATES[value]) if value in _STATES else None
    trace_id, span_id, state, parent_id = match.groups()
    if trace_id in _ZEROS or span_id in _ZEROS:
        return None
    return incoming("b3", trace_id, span_id, _STATES[state], parent_id or "")


def inject(
    span: Identity, known: Known = NO_HEADERS, hop: Hop = NOWHERE
) -> tuple[tuple[str, str], ...]:
    """The header that makes `span` the receiver's parent."""
    state = span.sampled
    if state is None:
        # The parent's parent can only be said behind a state.
        return ((B3, f"{span.trace_id}-{span.span_id}"),)
    text = f"{span.trace_id}-{span.span_id}-{_WRITTEN[state]}"
    return ((B3, f"{text}-{span.parent_id}" if span.parent_id else text),)
