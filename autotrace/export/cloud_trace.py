"""Google Cloud Trace's spans in JSON, the body of `traces:batchWrite`.

https://cloud.google.com/trace/docs/reference/v2/rest/v2/projects.traces/batchWrite
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from autotrace import __version__
from autotrace.export.attribute_text import cut, json_bytes, text
from autotrace.export.otlp_rules import INT64

if TYPE_CHECKING:
    from autotrace.export.batches import Encode
    from autotrace.export.resource import Resource
    from autotrace.span import Event, Link, Span

CONTENT_TYPE = "application/json"
KINDS = ("INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
_ERROR = 2
# google.rpc.Code
_UNKNOWN = 2
# What Google's own exporter sends at most: bytes of UTF-8, and numbers.
_LONGEST_NAME, _LONGEST_KEY, _LONGEST_VALUE = 1024, 512, 65_536
_MOST_ATTRIBUTES, _MOST_EVENTS, _MOST_LINKS = 1024, 256, 128

# Our tags -> the labels that its pages know.
_LABELS = {
    "component": "/component",
    "http.host": "/http/host",
    "http.method": "/http/method",
    "http.protocol": "/http/client_protocol",
    "http.request.method": "/http/method",
    "http.response.status_code": "/http/status_code",
    "http.route": "/http/route",
    "http.status_code": "/http/status_code",
    "http.url": "/http/url",
    "request_size": "/http/request/size",
    "response_size": "/http/response/size",
    "url.full": "/http/url",
    "user_agent": "/http/user_agent",
    "user_agent.original": "/http/user_agent",
}
_NUMBERS = frozenset(("/http/status_code", "/http/request/size", "/http/response/size"))
_OF_THE_SERVICE = ("service.name", "service.instance.id", "cloud.availability_zone")


def encoder(project: str) -> Encode:
    """What encodes the spans of a project."""

    def encode(spans: Sequence[Span], resource: Resource) -> bytes:
        said = {"g.co/agent": f"autotrace {__version__}"}
        for name in _OF_THE_SERVICE:
            if resource.attributes.get(name):
                said[name] = str(resource.attributes[name])
        return json_bytes({"spans": [_span(span, project, said) for span in spans]})

    return encode


def _span(span: Span, project: str, said: Mapping[str, str]) -> dict[str, Any]:
    trace_id = span.trace_id.zfill(32)
    made: dict[str, Any] = {
        "name": f"projects/{project}/traces/{trace_id}/spans/{span.span_id}",
        "spanId": span.span_id,
        "displayName": _text(span.name or "-", _LONGEST_NAME),
        "startTime": _time(span.start_ns),
        "endTime": _time(span.end_ns),
        "spanKind": KINDS[span.kind],
        "attributes": _attributes([*span.tags(), *said.items()]),
    }
    if span.parent_id:
        made["parentSpanId"] = span.parent_id
        made["sameProcessAsParentSpan"] = not span.parent_is_remote
    if span.status_code == _ERROR:
        made["status"] = {"code": _UNKNOWN, "message": span.status_message}
    if span.events:
        made["timeEvents"] = {
            "timeEvent": [_event(event) for event in span.events[:_MOST_EVENTS]],
            "droppedAnnotationsCount": max(0, len(span.events) - _MOST_EVENTS),
        }
    if span.links:
        made["links"] = {
            "link": [_link(link) for link in span.links[:_MOST_LINKS]],
            "droppedLinksCount": max(0, len(span.links) - _MOST_LINKS),
        }
    return made


def _event(event: Event) -> dict[str, Any]:
    return {
        "time": _time(event.time_ns),
        "annotation": {
            "description": _text(event.name, _LONGEST_NAME),
            "attributes": _attributes(event.attributes.items()),
        },
    }


def _link(link: Link) -> dict[str, Any]:
    return {
        "traceId": link.trace_id.zfill(32),
        "spanId": link.span_id,
        "attributes": _attributes(link.attributes.items()),
    }


def _attributes(pairs: Iterable[tuple[str, object]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    dropped = 0
    for name, value in pairs:
        key = cut(_LABELS.get(name, name), _LONGEST_KEY)
        if value is None:
            continue
        if len(made) < _MOST_ATTRIBUTES or key in made:
            made[key] = _value(key, value)
        else:
            dropped += 1
    return {"attributeMap": made, "droppedAttributesCount": dropped}


def _value(key: str, value: object) -> dict[str, Any]:
    if isinstance(value, str):
        if key not in _NUMBERS or not (value.isascii() and value.isdigit()):
            return {"stringValue": _text(value, _LONGEST_VALUE)}
        value = int(value)
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int) and value in INT64:
        # 64 bits are text in protobuf's JSON.
        return {"intValue": str(value)}
    return {"stringValue": _text(text(value), _LONGEST_VALUE)}


def _text(value: str, longest: int) -> dict[str, Any]:
    kept = cut(value, longest)
    if kept is value:
        return {"value": value}
    lost = len(value.encode("utf-8", "replace")) - len(kept.encode())
    return {"value": kept, "truncatedByteCount": lost}


def _time(nanoseconds: int) -> str:
    """The instant as RFC 3339 has it, which Python's own clock has no digits for."""
    seconds, rest = divmod(nanoseconds, 10**9)
    # Without the offset at its end.
    whole = datetime.fromtimestamp(seconds, timezone.utc).isoformat()[:-6]
    return f"{whole}.{rest:09d}Z"
