"""Datadog's headers: decimal ids of 64 bits, the rest of the trace id among the tags.

`x-datadog-trace-id`, `x-datadog-parent-id`, `x-datadog-sampling-priority`, `x-datadog-origin`,
`x-datadog-tags`.

https://docs.datadoghq.com/tracing/trace_collection/trace_context_propagation/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autotrace.headers import NO_HEADERS
from autotrace.propagation.datadog_state import (
    HIGH_HALF,
    ORIGIN,
    PRIORITIES,
    PRIORITY,
    TAGS,
    TRACE_ID,
    Tags,
    outgoing,
)
from autotrace.propagation.hop import NOWHERE, Hop
from autotrace.propagation.incoming import Identity, Incoming, incoming
from autotrace.propagation.values import lower_hex

if TYPE_CHECKING:
    from autotrace.headers import Known

PARENT_ID = "x-datadog-parent-id"
HEADERS = (TRACE_ID, PARENT_ID, PRIORITY, ORIGIN, TAGS)

_ZEROS = "0" * 16
_HIGH_HALF_IS = f"{HIGH_HALF}="
# As dd-trace limits the tags of a trace.
_LONGEST_TAGS = 512


def extract(known: Known) -> Incoming | None:
    """The caller's span, or only its sampling wish; nothing if both are absent or malformed.

    A trace without a span is continued: Datadog's browser and synthetic tests begin one so.
    """
    priority = PRIORITIES.get(known.get(PRIORITY, ""))
    state = None if priority is None else int(priority > 0)
    trace_id = _hex(known.get(TRACE_ID, ""))
    if trace_id and trace_id != _ZEROS:
        parent_id = _hex(known.get(PARENT_ID, "0"))
        if parent_id:
            if TAGS in known:
                trace_id = _high_half(known[TAGS]) + trace_id
            span_id = "" if parent_id == _ZEROS else parent_id
            return incoming("datadog", trace_id, span_id, state)
    return None if state is None else incoming("datadog", "", "", state)


def _hex(decimal: str) -> str:
    """An unsigned number of 64 bits as 16 hex digits; nothing if it is none."""
    if len(decimal) > 20 or not (decimal.isascii() and decimal.isdigit()):
        return ""
    digits = f"{int(decimal):016x}"
    return digits if len(digits) == 16 else ""


def _high_half(text: str) -> str:
    """The upper 16 digits of the trace id; nothing if they are absent, malformed or zero."""
    start = text.find(_HIGH_HALF_IS)
    if start < 0 or (start and text[start - 1] not in ", "):
        return ""
    start += len(_HIGH_HALF_IS)
    high = text[start : start + 17].rstrip(", ")
    return lower_hex(high) if len(high) == 16 and high != _ZEROS else ""


def inject(
    span: Identity, known: Known = NO_HEADERS, hop: Hop = NOWHERE
) -> tuple[tuple[str, str], ...]:
    """The headers that make `span` the receiver's parent; none if Datadog cannot name its trace."""
    trace_id = span.trace_id
    low = int(trace_id[-16:], 16)
    if not low:
        return ()
    state = outgoing(span, known)
    pairs = [(TRACE_ID, str(low)), (PARENT_ID, str(int(span.span_id, 16)))]
    if state.priority is not None:
        pairs.append((PRIORITY, str(state.priority)))
    if state.origin:
        pairs.append((ORIGIN, state.origin))
    text = _tags(trace_id[:-16], state.tags)
    if text:
        pairs.append((TAGS, text))
    return tuple(pairs)


def _tags(high: str, others: Tags) -> str:
    """`x-datadog-tags`, as many of the tags as fit."""
    if high and high != _ZEROS:
        others = ((HIGH_HALF, high), *others)
    members: list[str] = []
    room = _LONGEST_TAGS + 1
    for key, value in others:
        # The equals sign and the comma behind it.
        room -= len(key) + len(value) + 2
        if room < 0:
            break
        members.append(f"{key}={value}")
    return ",".join(members)
