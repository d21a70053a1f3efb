"""The single header `b3` as Envoy's Zipkin tracer reads it, with Envoy's words for its faults.

The checks stand in Envoy's order, so that a value with two faults is called by the same one.

https://github.com/openzipkin/b3-propagation#single-header
"""

from __future__ import annotations

from autotrace.propagation.values import lower_hex

# Trace id of 16 or 32 digits, span id, parent's id or nothing; in lower case.
Ids = tuple[str, str, str]

EMPTY = "empty"
INVALID_FLAG = "invalid_flag"
TRUNCATED = "truncated"
TOO_LONG = "too_long"
BAD_TRACE_ID_HIGH = "bad_trace_id_high"
BAD_TRACE_ID = "bad_trace_id"
NO_SPAN_ID = "no_span_id"
BAD_SPAN_ID = "bad_span_id"
NO_SAMPLING_FIELD = "no_sampling_field"
BAD_PARENT_ID = "bad_parent_id"

_SHORTEST = 33
_LONGEST = 68
_FLAGS = frozenset("01d")
_ZERO = "0" * 16


def read(value: str) -> Ids | str | None:
    """The ids, or what is wrong with them; None for a legal value that has none."""
    length = len(value)
    if length < 2:
        if not value:
            return EMPTY
        return None if value in _FLAGS else INVALID_FLAG
    if length < _SHORTEST:
        return TRUNCATED
    if length > _LONGEST:
        return TOO_LONG
    end = 32 if value[32] == "-" else 16
    trace_id = lower_hex(value[:end])
    if not trace_id:
        return BAD_TRACE_ID if lower_hex(value[:16]) or end == 16 else BAD_TRACE_ID_HIGH
    if value[end] != "-":
        return NO_SPAN_ID
    span_id = lower_hex(value[end + 1 : end + 17])
    if len(span_id) != 16:
        return BAD_SPAN_ID
    fault, parent_id = _rest(value[end + 17 :])
    return fault or (trace_id, span_id, parent_id)


def _rest(rest: str) -> tuple[str, str]:
    """What is wrong behind the span id, and the parent's id there."""
    if not rest:
        return "", ""
    if len(rest) == 1:
        return TRUNCATED, ""
    if rest[0] != "-":
        return NO_SAMPLING_FIELD, ""
    if len(rest) > 2 and rest[2] != "-":
        return TRUNCATED, ""
    if rest[1] not in _FLAGS:
        return INVALID_FLAG, ""
    if len(rest) == 2:
        return "", ""
    if len(rest) != 19:
        return TRUNCATED, ""
    parent_id = lower_hex(rest[3:])
    if not parent_id:
        return BAD_PARENT_ID, ""
    # Zero is Envoy's word for none.
    return "", "" if parent_id == _ZERO else parent_id
