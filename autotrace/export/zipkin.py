"""Zipkin v2 JSON: spans to the bytes of a list of spans.

https://zipkin.io/zipkin-api/ ; the rules beyond it are what the server does with a span that breaks
them: one bad span loses the whole message.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autotrace.export.attribute_text import json_bytes, plain, text
from autotrace.export.zipkin_endpoint import local_endpoint, remote_endpoint

if TYPE_CHECKING:
    from autotrace.export.resource import Resource
    from autotrace.span import Event, Span

CONTENT_TYPE = "application/json"
KINDS = ("", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
_ERROR = 2
_OWN_SCOPE = "autotrace"


def encode(spans: Sequence[Span], resource: Resource) -> bytes:
    """The JSON list of the spans."""
    local = local_endpoint(resource)
    body = json_bytes([described(span, local) for span in spans])
    # The server takes any body with these bytes for the v1 format and refuses it; the escape means
    # the same text in JSON.
    return body.replace(b'yAnnotations"', b'yAnnotation\\u0073"')


def described(span: Span, local: dict[str, Any]) -> dict[str, Any]:
    """The span by the format's names; `local` is the endpoint of this process."""
    tags = span.tags()
    made: dict[str, Any] = {"traceId": span.trace_id.lower(), "id": span.span_id.lower()}
    # The server drops a parent that is the span itself.
    if span.parent_id and span.parent_id != span.span_id:
        made["parentId"] = span.parent_id.lower()
    kind = KINDS[span.kind]
    if kind:
        made["kind"] = kind
    name = span.name
    if name:
        made["name"] = name.lower()
    made["timestamp"] = span.start_ns // 1000
    made["duration"] = max(1, (span.end_ns - span.start_ns) // 1000)
    made["localEndpoint"] = local
    remote = remote_endpoint(kind, dict(tags))
    if remote:
        made["remoteEndpoint"] = remote
    if span.events:
        made["annotations"] = [_annotation(event) for event in span.events]
    made["tags"] = _tags(span, tags)
    if span.shared and kind == "SERVER":
        made["shared"] = True
    if span.debug:
        made["debug"] = True
    return made


def _annotation(event: Event) -> dict[str, Any]:
    """The event as OpenTelemetry's mapping writes it: its name, and its attributes as JSON."""
    value = event.name
    if event.attributes:
        value = f'"{event.name}": {text(event.attributes)}'
    return {"timestamp": event.time_ns // 1000, "value": value}


def _tags(span: Span, tags: Sequence[tuple[str, object]]) -> dict[str, str]:
    """The tags as text; Envoy's Zipkin tracer leaves out those without a name or a value."""
    texts = ((name, text(value)) for name, value in tags if value is not None)
    made = {name: value for name, value in texts if name and value}
    failed = span.status_code == _ERROR
    # Any `error` tag, "false" too, marks a span as failed.
    if not failed and made.get("error", "true") != "true":
        del made["error"]
    # Envoy's fields carry Envoy's own verdict, by which a client's 404 is no error; the status says
    # what OpenTelemetry makes of it.
    if failed and "error" not in made and (span.user_status or "response_flags" not in made):
        made["error"] = span.status_message or "true"
    if span.scope != _OWN_SCOPE:
        made["otel.scope.name"] = span.scope
        if span.scope_version:
            made["otel.scope.version"] = span.scope_version
        if span.status_code:
            made["otel.status_code"] = "ERROR" if failed else "OK"
    if span.links:
        # Zipkin has no place for links.
        made["otel.links"] = text(
            [
                {
                    "traceId": link.trace_id,
                    "spanId": link.span_id,
                    "attributes": plain(link.attributes),
                }
                for link in span.links
            ]
        )
    return made
