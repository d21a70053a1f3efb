"""What a line of a log tells of the request that it was written for.

Names and forms by OpenTelemetry's "Trace Context in non-OTLP Log Formats", and the request id.
https://opentelemetry.io/docs/specs/otel/compatibility/logging_trace_context/
"""

from __future__ import annotations

from opentelemetry import trace

from autotrace.call import Inbound
from autotrace.context import CALL, SPAN, Context
from autotrace.propagation import Planner, extract
from autotrace.request_id import HEADER
from autotrace.span import Span

NAMES = ("trace_id", "span_id", "trace_flags", "request_id")
# The names that OpenTelemetry's logging instrumentation gives to the first three.
OTEL_NAMES = ("otelTraceID", "otelSpanID", "otelTraceSampled")
NOTHING = ("", "", "", "")

Fields = tuple[str, str, str, str]

# In `propagate` mode nothing is read of what passes, until it is logged.
_PLANNER = Planner(())


def fields(context: Context) -> Fields:
    """Trace id, span id, flags (`00` or `01`) and request id; all empty outside a request."""
    current = context.get(SPAN)
    if type(current) is Span:
        return current.trace_id, current.span_id, "01", current.request_id
    call = context.get(CALL)
    if type(current) is Inbound:
        current.identify()
        flags = "01" if current.sampled else "00"
        return current.trace_id, current.span_id, flags, current.request_id
    request_id = ""
    if type(call) is Inbound:
        if call.core.propagating:
            return _passing(call)
        request_id = call.request_id
    if isinstance(current, trace.Span) and current.get_span_context().is_valid:
        found = current.get_span_context()
        return (
            trace.format_trace_id(found.trace_id),
            trace.format_span_id(found.span_id),
            "01" if found.trace_flags.sampled else "00",
            request_id,
        )
    return "", "", "", request_id


def _passing(call: Inbound) -> Fields:
    """The ids of headers that are only passed on, read at the first line that is written."""
    if not call.trace_id:
        parent, _, wish = extract(call.known, _PLANNER.plan(call.known))
        if parent is not None:
            call.trace_id, call.span_id = parent.trace_id, parent.span_id
            call.sampled = wish or 0
    flags = "" if not call.trace_id else "01" if call.sampled else "00"
    return call.trace_id, call.span_id, flags, call.known.get(HEADER, "")
