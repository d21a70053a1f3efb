"""B3 in one header: `b3: {trace}-{span}[-{sampling}[-{parent}]]`, or the sampling state alone.

https://github.com/openzipkin/b3-propagation#single-header
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autotrace.propagation.incoming import Identity, Incoming, incoming
from autotrace.propagation.values import lower_hex

if TYPE_CHECKING:
    from autotrace.headers import Known

B3 = "b3"
HEADERS = (B3,)

_STATES = {"0": 0, "1": 1, "d": 2}
_WRITTEN = ("0", "1", "d")
# Whole length -> width of the trace id. The rest is fixed: -span(16), -state(1), -parent(16).
_TRACE_WIDTHS = {33: 16, 35: 16, 52: 16, 49: 32, 51: 32, 68: 32}
_ZEROS = frozenset(("0" * 16, "0" * 32))


def extract(known: Known) -> Incoming | None:
    """The caller's span or only its sampling wish; nothing if absent or malformed."""
    value = known.get(B3)
    if value is None:
        return None
    length = len(value)
    width = _TRACE_WIDTHS.get(length)
    if width is None:
        return _wish(value)
    dash = value[width]
    state: int | None = None
    parent_id = ""
    if length > width + 17:
        state = _STATES.get(value[width + 18])
        if state is None or value[width + 17] != "-":
            return None
        if length > width + 19:
            parent_id = lower_hex(value[width + 20 :], 16)
            if not parent_id or value[width + 19] != "-":
                return None
    ids = lower_hex(value[:width] + value[width + 1 : width + 17], width + 16)
    if not ids or dash != "-":
        return None
    trace_id, span_id = ids[:width], ids[width:]
    if trace_id in _ZEROS or span_id in _ZEROS:
        return None
    return incoming("b3", trace_id, span_id, state, parent_id)


def _wish(value: str) -> Incoming | None:
    state = _STATES.get(value)
    return None if state is None else incoming("b3", "", "", state)


def inject(span: Identity) -> tuple[tuple[str, str], ...]:
    """The header that makes `span` the receiver's parent."""
    state = span.sampled
    if state is None:
        # The parent's parent can only be said behind a state.
        return ((B3, f"{span.trace_id}-{span.span_id}"),)
    text = f"{span.trace_id}-{span.span_id}-{_WRITTEN[state]}"
    return ((B3, f"{text}-{span.parent_id}" if span.parent_id else text),)
