"""OTLP in JSON: spans to the text form of an ExportTraceServiceRequest.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding : ids are hex, enums are numbers
and 64-bit integers decimal strings, unlike in protobuf's own JSON.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from autotrace.export.attribute_text import json_bytes, text
from autotrace.export.otlp_rules import INT64, flags

if TYPE_CHECKING:
    from autotrace.export.resource import Resource
    from autotrace.span import Span

CONTENT_TYPE = "application/json"


def encode(spans: Sequence[Span], resource: Resource) -> bytes:
    """One request that carries all the spans, grouped by the scope that made them."""
    scopes: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for span in spans:
        scopes.setdefault((span.scope, span.scope_version), []).append(_span(span))
    grouped = [
        {"scope": {"name": name, "version": version}, "spans": made}
        for (name, version), made in scopes.items()
    ]
    attributes = _attributes(resource.attributes.items())
    group = {"resource": {"attributes": attributes}, "scopeSpans": grouped}
    return json_bytes({"resourceSpans": [group]})


def rejected(answer: bytes) -> tuple[int, str]:
    """How many spans a successful answer says were refused, and why."""
    partial = json.loads(answer or b"{}").get("partialSuccess") or {}
    return int(partial.get("rejectedSpans", 0)), str(partial.get("errorMessage", ""))


def _span(span: Span) -> dict[str, Any]:
    made: dict[str, Any] = {
        "traceId": span.trace_id.zfill(32),
        "spanId": span.span_id,
        "name": span.name,
        "kind": span.kind + 1,
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns),
        "attributes": _attributes(span.tags()),
        "flags": flags(span),
    }
    if span.parent_id:
        made["parentSpanId"] = span.parent_id
    if span.tracestate:
        made["traceState"] = span.tracestate
    if span.status_code:
        made["status"] = {"code": span.status_code, "message": span.status_message}
    if span.events:
        made["events"] = [
            {
                "name": event.name,
                "timeUnixNano": str(event.time_ns),
                "attributes": _attributes(event.attributes.items()),
            }
            for event in span.events
        ]
    if span.links:
        made["links"] = [
            {
                "traceId": link.trace_id.zfill(32),
                "spanId": link.span_id,
                "traceState": link.tracestate,
                "attributes": _attributes(link.attributes.items()),
            }
            for link in span.links
        ]
    return made


def _attributes(pairs: Iterable[tuple[str, object]]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _value(value)} for name, value in pairs]


def _value(value: object) -> dict[str, Any]:
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue" if value in INT64 else "stringValue": str(value)}
    if isinstance(value, float):
        # JSON has no NaN or Infinity; proto3's mapping writes them as these strings.
        return {"doubleValue": value if value - value == 0 else _NO_NUMBER[str(value)]}
    if isinstance(value, bytes):
        return {"bytesValue": base64.b64encode(value).decode("ascii")}
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return {"kvlistValue": {"values": _attributes((str(k), v) for k, v in value.items())}}
    if isinstance(value, Sequence):
        return {"arrayValue": {"values": [_value(each) for each in value]}}
    return {"stringValue": text(value)}


_NO_NUMBER = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
