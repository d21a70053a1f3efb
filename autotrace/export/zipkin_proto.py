"""Zipkin v2 in protobuf: spans to the bytes of a ListOfSpans.

https://github.com/openzipkin/zipkin-api/blob/master/zipkin.proto

The fields are the same as in JSON, and few: written by hand, it needs no library.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from autotrace.export.zipkin import described
from autotrace.export.zipkin_endpoint import local_endpoint

if TYPE_CHECKING:
    from autotrace.export.resource import Resource
    from autotrace.span import Span

CONTENT_TYPE = "application/x-protobuf"
_KINDS = {"CLIENT": 1, "SERVER": 2, "PRODUCER": 3, "CONSUMER": 4}
_VARINT, _FIXED64, _BYTES = 0, 1, 2


def encode(spans: Sequence[Span], resource: Resource) -> bytes:
    """The message of the spans."""
    local = local_endpoint(resource)
    return b"".join([_bytes(1, _span(described(span, local))) for span in spans])


def _span(span: Mapping[str, Any]) -> bytes:
    parts = [_bytes(1, bytes.fromhex(span["traceId"]))]
    if "parentId" in span:
        parts.append(_bytes(2, bytes.fromhex(span["parentId"])))
    parts.append(_bytes(3, bytes.fromhex(span["id"])))
    if "kind" in span:
        parts.append(_number(4, _KINDS[span["kind"]]))
    if "name" in span:
        parts.append(_text(5, span["name"]))
    parts.append(_time(6, span["timestamp"]))
    parts.append(_number(7, span["duration"]))
    parts.append(_bytes(8, _endpoint(span["localEndpoint"])))
    if "remoteEndpoint" in span:
        parts.append(_bytes(9, _endpoint(span["remoteEndpoint"])))
    for event in span.get("annotations", ()):
        parts.append(_bytes(10, _time(1, event["timestamp"]) + _text(2, event["value"])))
    for name, value in span["tags"].items():
        parts.append(_bytes(11, _text(1, name) + _text(2, value)))
    if span.get("debug"):
        parts.append(_number(12, 1))
    if span.get("shared"):
        parts.append(_number(13, 1))
    return b"".join(parts)


def _endpoint(endpoint: Mapping[str, Any]) -> bytes:
    parts = [_text(1, endpoint["serviceName"])] if endpoint.get("serviceName") else []
    for field, name in ((2, "ipv4"), (3, "ipv6")):
        if name in endpoint:
            parts.append(_bytes(field, ip_address(endpoint[name]).packed))
    if "port" in endpoint:
        parts.append(_number(4, endpoint["port"]))
    return b"".join(parts)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3 | _VARINT) + _varint(value)


def _time(field: int, microseconds: int) -> bytes:
    # A program may say that something happened before 1970; the format cannot.
    return _varint(field << 3 | _FIXED64) + struct.pack("<Q", max(0, microseconds))


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode("utf-8", "replace"))


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | _BYTES) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    """The number in groups of seven bits, the lowest first (protobuf encoding, "Varints")."""
    groups = bytearray()
    while value > 127:
        groups.append(value & 127 | 128)
        value >>= 7
    groups.append(value)
    return bytes(groups)
