"""OTLP in protobuf: spans to the bytes of an ExportTraceServiceRequest.

https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto

The messages of `opentelemetry-proto` are filled in place. Making the wrappers of fifteen attributes
is most of the cost, so spans with the same tag names share one message: only its values are
written anew, and it is copied into the request.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message

from autotrace.export.attribute_text import text
from autotrace.export.otlp_rules import INT64, flags

if TYPE_CHECKING:
    from autotrace.export.resource import Resource
    from autotrace.span import Span

CONTENT_TYPE = "application/x-protobuf"


def encode(spans: Sequence[Span], resource: Resource) -> bytes:
    """One request that carries all the spans, grouped by the scope that made them."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    _add_attributes(group.resource.attributes, resource.attributes.items())
    scopes: dict[tuple[str, str], Any] = {}
    shapes: dict[tuple[str, ...], tuple[Any, list[Any]]] = {}
    for span in spans:
        scope = (span.scope, span.scope_version)
        into = scopes.get(scope)
        if into is None:
            scope_spans = group.scope_spans.add()
            scope_spans.scope.name, scope_spans.scope.version = scope
            into = scopes[scope] = scope_spans.spans
        tags = span.tags()
        names = tuple([name for name, _ in tags])
        shape = shapes.get(names)
        if shape is None:
            shape = shapes[names] = _shape(names)
        message, values = shape
        _fill(message, span)
        for into_value, (_, value) in zip(values, tags, strict=True):
            if value.__class__ is str:
                try:
                    into_value.string_value = value
                except UnicodeEncodeError:
                    into_value.string_value = _clean(value)
            else:
                _set(into_value, value)
        into.append(message)
        if span.status_code or span.events or span.links:
            # Only on the copy: the next span of this shape must not inherit them.
            _complete(into[-1], span)
    return bytes(request.SerializeToString())


def rejected(answer: bytes) -> tuple[int, str]:
    """How many spans a successful answer says were refused, and why."""
    response = ExportTraceServiceResponse.FromString(answer)
    return response.partial_success.rejected_spans, response.partial_success.error_message


def _shape(names: Sequence[str]) -> tuple[Any, list[Any]]:
    message = Message()
    values = []
    for name in names:
        attribute = message.attributes.add()
        attribute.key = _clean(name)
        values.append(attribute.value)
    return message, values


def _fill(message: Any, span: Span) -> None:
    message.trace_id = bytes.fromhex(span.trace_id.zfill(32))
    message.span_id = bytes.fromhex(span.span_id)
    message.parent_span_id = bytes.fromhex(span.parent_id)
    try:
        message.name = span.name
        message.trace_state = span.tracestate
    except UnicodeEncodeError:
        message.name = _clean(span.name)
        message.trace_state = _clean(span.tracestate)
    message.kind = span.kind + 1
    message.start_time_unix_nano = span.start_ns
    message.end_time_unix_nano = span.end_ns
    message.flags = flags(span)


def _complete(message: Any, span: Span) -> None:
    if span.status_code:
        message.status.code = span.status_code
        message.status.message = _clean(span.status_message)
    for event in span.events:
        into = message.events.add()
        into.name = _clean(event.name)
        into.time_unix_nano = event.time_ns
        _add_attributes(into.attributes, event.attributes.items())
    for link in span.links:
        into = message.links.add()
        into.trace_id = bytes.fromhex(link.trace_id.zfill(32))
        into.span_id = bytes.fromhex(link.span_id)
        into.trace_state = _clean(link.tracestate)
        _add_attributes(into.attributes, link.attributes.items())


def _add_attributes(into: Any, pairs: Iterable[tuple[str, object]]) -> None:
    for name, value in pairs:
        attribute = into.add()
        attribute.key = _clean(name)
        _set(attribute.value, value)


def _set(into: Any, value: object) -> None:
    """Writes a user's value into an AnyValue, in place of what it holds."""
    if isinstance(value, str):
        into.string_value = _clean(value)
    elif isinstance(value, bool):
        into.bool_value = value
    elif isinstance(value, int) and value in INT64:
        into.int_value = value
    elif isinstance(value, float):
        into.double_value = value
    elif isinstance(value, bytes):
        into.bytes_value = value
    elif value is None:
        into.Clear()
    elif isinstance(value, Mapping):
        into.Clear()
        into.kvlist_value.SetInParent()
        _add_attributes(into.kvlist_value.values, ((str(k), v) for k, v in value.items()))
    elif isinstance(value, Sequence):
        into.Clear()
        into.array_value.SetInParent()
        for each in value:
            _set(into.array_value.values.add(), each)
    else:
        into.string_value = _clean(text(value))


def _clean(value: str) -> str:
    """Text that UTF-8 can hold: a header's stray byte arrives as a lone surrogate."""
    return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
