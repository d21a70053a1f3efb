"""Spans of the OpenTelemetry SDK, as the official encoder wants them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags

from tests.export_spans import PARENT_ID, SPAN_ID, START, TRACE_ID


def official_span(attributes: Mapping[str, Any]) -> ReadableSpan:
    """The SDK's twin of `make_span`."""
    trace_id = int(TRACE_ID, 16)
    return ReadableSpan(
        "shop.example.com",
        context=SpanContext(trace_id, int(SPAN_ID, 16), False, TraceFlags(1)),
        parent=SpanContext(trace_id, int(PARENT_ID, 16), True, TraceFlags(1)),
        resource=Resource({"service.name": "Shop", "process.pid": 42}),
        attributes=attributes,
        kind=SpanKind.SERVER,
        start_time=START,
        end_time=START + 12_345_678,
        instrumentation_scope=InstrumentationScope("autotrace"),
    )
