"""Reads Zipkin's protobuf by its published definition, with protobuf's own library.

https://github.com/openzipkin/zipkin-api/blob/master/zipkin.proto
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from tests.protobuf_messages import message

KINDS = ("", "CLIENT", "SERVER", "PRODUCER", "CONSUMER")

DEFINITION = {
    "Endpoint": "string:service_name bytes:ipv4 bytes:ipv6 int32:port",
    "Annotation": "fixed64:timestamp string:value",
    # A map is a list of such entries on the wire.
    "Tag": "string:key string:value",
    "Span": "bytes:trace_id bytes:parent_id bytes:id int32:kind string:name fixed64:timestamp "
    "uint64:duration Endpoint:local_endpoint Endpoint:remote_endpoint *Annotation:annotations "
    "*Tag:tags bool:debug bool:shared",
    "ListOfSpans": "*Span:spans",
}


LIST = message("zipkin", DEFINITION, "ListOfSpans")


def read(body: bytes) -> list[dict[str, Any]]:
    """The spans of a message as JSON would have them."""
    return [_span(span) for span in LIST.FromString(body).spans]


def _span(span: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "traceId": span.trace_id.hex(),
        "parentId": span.parent_id.hex(),
        "id": span.id.hex(),
        "kind": KINDS[span.kind],
        "name": span.name,
        "timestamp": span.timestamp,
        "duration": span.duration,
        "localEndpoint": _endpoint(span.local_endpoint),
        "remoteEndpoint": _endpoint(span.remote_endpoint),
        "annotations": [{"timestamp": a.timestamp, "value": a.value} for a in span.annotations],
        "debug": span.debug,
        "shared": span.shared,
    }
    # Zero is absent in protobuf; tags are there in JSON even if there are none.
    return {key: value for key, value in made.items() if value} | {
        "tags": {tag.key: tag.value for tag in span.tags}
    }


def _endpoint(endpoint: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"serviceName": endpoint.service_name, "port": endpoint.port}
    for name in ("ipv4", "ipv6"):
        packed = getattr(endpoint, name)
        if packed:
            made[name] = str(ip_address(packed))
    return {key: value for key, value in made.items() if value}
