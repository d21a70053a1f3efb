"""B3's several headers as Envoy's Zipkin tracer reads their ids: numbers, of any digits that fit.

https://github.com/openzipkin/b3-propagation#multiple-headers
"""

from __future__ import annotations

from autotrace.propagation.values import lower_hex
from autotrace.provider.b3_single import BAD_PARENT_ID, BAD_SPAN_ID, BAD_TRACE_ID, Ids

_HEX = frozenset("0123456789abcdefABCDEF")
_ZERO = "0" * 16


def read(trace_id: str, span_id: str, parent_id: str) -> Ids | str:
    """The ids, or what is wrong with them; the parent's is empty where there is none."""
    if len(trace_id) in (16, 32) and len(span_id) == 16 and len(parent_id) in (0, 16):
        digits = lower_hex(trace_id + span_id + parent_id)
        if digits:
            end = len(trace_id)
            return digits[:end], digits[end : end + 16], _parent(digits[end + 16 :])
    if len(trace_id) == 32:
        high, trace = _number(trace_id[:16]), _number(trace_id[16:])
        trace = high + trace if high and trace else ""
    else:
        trace = _number(trace_id)
    if not trace:
        return BAD_TRACE_ID
    span = _number(span_id)
    if not span:
        return BAD_SPAN_ID
    parent = _number(parent_id) if parent_id else _ZERO
    return (trace, span, _parent(parent)) if parent else BAD_PARENT_ID


def _parent(parent_id: str) -> str:
    """A parent's id; Envoy has no other word for none than zero."""
    return "" if parent_id == _ZERO else parent_id


def _number(text: str) -> str:
    """A hex number of up to 64 bits as 16 digits, however many it came with; empty if bad."""
    digits = text.lstrip("0")
    if not text or len(digits) > 16 or not _HEX.issuperset(text):
        return ""
    return digits.lower().rjust(16, "0")
