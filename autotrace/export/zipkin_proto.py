"""Zipkin v2 in protobuf: spans to the bytes of a ListOfSpans.

https://github.com/openzipkin/zipkin-api/blob/master/zipkin.proto

The fields are the same as in JSON, and few: written by hand, it needs no library.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from autotrace.export.protobuf_wire import fixed64, number, sized, text
from autotrace.export.zipkin import described
from autotrace.export.zipkin_endpoint import local_endpoint

if TYPE_CHECKING:
    from autotrace.export.resource import Resource
    from autotrace.span import Span

CONTENT_TYPE = "application/x-protobuf"
_KINDS = {"CLIENT": 1, "SERVER": 2, "PRODUCER": 3, "CONSUMER": 4}


def encode(spans: Sequence[Span], resource: Resource) -> bytes:
    """The message of the spans."""
    local = local_endpoint(resource)
    return b"".join([sized(1, _span(described(span, local))) for span in spans])


def _span(span: Mapping[str, Any]) -> bytes:
    parts = [sized(1, bytes.fromhex(span["traceId"]))]
    if "parentId" in span:
        parts.append(sized(2, bytes.fromhex(span["parentId"])))
    parts.append(sized(3, bytes.fromhex(span["id"])))
    if "kind" in span:
        parts.append(number(4, _KINDS[span["kind"]]))
    if "name" in span:
        parts.append(text(5, span["name"]))
    parts.append(_time(6, span["timestamp"]))
    parts.append(number(7, span["duration"]))
    parts.append(sized(8, _endpoint(span["localEndpoint"])))
    if "remoteEndpoint" in span:
        parts.append(sized(9, _endpoint(span["remoteEndpoint"])))
    for event in span.get("annotations", ()):
        parts.append(sized(10, _time(1, event["timestamp"]) + text(2, event["value"])))
    for name, value in span["tags"].items():
        parts.append(sized(11, text(1, name) + text(2, value)))
    if span.get("debug"):
        parts.append(number(12, 1))
    if span.get("shared"):
        parts.append(number(13, 1))
    return b"".join(parts)


def _endpoint(endpoint: Mapping[str, Any]) -> bytes:
    parts = [text(1, endpoint["serviceName"])] if endpoint.get("serviceName") else []
    for field, name in ((2, "ipv4"), (3, "ipv6")):
        if name in endpoint:
            parts.append(sized(field, ip_address(endpoint[name]).packed))
    if "port" in endpoint:
        parts.append(number(4, endpoint["port"]))
    return b"".join(parts)


def _time(field: int, microseconds: int) -> bytes:
    # A program may say that something happened before 1970; the format cannot.
    return fixed64(field, max(0, microseconds))
