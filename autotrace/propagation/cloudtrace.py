"""Google Cloud Trace: `x-cloud-trace-context: {trace}[/{span}][;o={options}]`.

https://cloud.google.com/trace/docs/trace-context#legacy-x-cloud-trace-context-header
The trace id has 32 hex digits, the span id is decimal. Google's own readers take a header without
a span id (or with 0) as valid: the trace goes on, below no span of it. So does `extract`, by a
trace id with an empty span id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autotrace.headers import NO_HEADERS
from autotrace.propagation.hop import NOWHERE, Hop
from autotrace.propagation.incoming import Identity, Incoming, incoming
from autotrace.propagation.values import lower_hex

if TYPE_CHECKING:
    from autotrace.headers import Known

CLOUD_TRACE_CONTEXT = "x-cloud-trace-context"
HEADERS = (CLOUD_TRACE_CONTEXT,)

_ZERO_TRACE = "0" * 32
# The longest decimal number of 64 bits.
_LONGEST_NUMBER = 20
_LONGEST = 32 + 1 + _LONGEST_NUMBER + len(";o=") + 3
_TOO_LARGE = 1 << 64


def extract(known: Known) -> Incoming | None:
    """The caller's trace, and span if one is named; nothing if absent or malformed."""
    value = known.get(CLOUD_TRACE_CONTEXT)
    if not value or len(value) > _LONGEST:
        return None
    ids, semicolon, options = value.partition(";")
    state = None
    if semicolon:
        if not options.startswith("o="):
            return None
        if len(options) > 2:
            number = _number(options[2:])
            if number is None:
                return None
            # Bit 0: traced. Bit 1, with stack traces, is Google's own.
            state = number & 1
    trace_id = lower_hex(ids[:32])
    if len(trace_id) != 32 or trace_id == _ZERO_TRACE:
        return None
    span_id = ""
    rest = ids[32:]
    if rest:
        if rest[0] != "/":
            return None
        if len(rest) > 1:
            number = _number(rest[1:])
            if number is None:
                return None
            if number:
                span_id = f"{number:016x}"
    return incoming("cloudtrace", trace_id, span_id, state)


def _number(decimal: str) -> int | None:
    """An unsigned number of 64 bits; nothing if it is none."""
    # `isdecimal` alone takes digits of other scripts.
    if len(decimal) > _LONGEST_NUMBER or not (decimal.isascii() and decimal.isdecimal()):
        return None
    number = int(decimal)
    return number if number < _TOO_LARGE else None


def inject(
    span: Identity, known: Known = NO_HEADERS, hop: Hop = NOWHERE
) -> tuple[tuple[str, str], ...]:
    """The header that makes `span` the receiver's parent."""
    text = f"{span.trace_id.rjust(32, '0')}/{int(span.span_id, 16)}"
    if span.sampled is not None:
        text += ";o=1" if span.sampled else ";o=0"
    return ((CLOUD_TRACE_CONTEXT, text),)
