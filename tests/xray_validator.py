"""A daemon's socket, and the rules of segment documents, each from X-Ray's documentation.

The daemon itself checks the first line only; what X-Ray does not take it drops without a word.

https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

PATIENCE = 20.0
HEADER = {"format": "json", "version": 1}
_trace_id = re.compile(r"1-[0-9a-f]{8}-[0-9a-f]{24}").fullmatch
_id = re.compile(r"[0-9a-f]{16}").fullmatch
_name = re.compile(r"[\w\s.:/%&#=+\\\-@]{1,200}").fullmatch
_key = re.compile(r"[A-Za-z0-9_]{1,500}").fullmatch
FIELDS = {
    *("name", "id", "trace_id", "start_time", "end_time", "parent_id", "type", "namespace"),
    *("origin", "aws", "http", "error", "throttle", "fault", "cause", "annotations"),
}


class XRaySocket:
    """Receives datagrams; each must be a document that X-Ray takes."""

    def __init__(self, bound: socket.socket) -> None:
        self._bound = bound
        host, port = bound.getsockname()
        self.address = f"{host}:{port}"

    def received(self) -> dict[str, Any]:
        """The next document, waited for."""
        self._bound.settimeout(PATIENCE)
        return checked(self._bound.recv(65536))

    def so_far(self) -> list[dict[str, Any]]:
        """All documents that have come and were not yet taken."""
        found = []
        self._bound.setblocking(False)
        while True:
            try:
                found.append(checked(self._bound.recv(65536)))
            except BlockingIOError:
                return found


@contextmanager
def listening_for_segments() -> Iterator[XRaySocket]:
    """Binds a loopback socket."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_000_000)
        yield XRaySocket(bound)


def checked(datagram: bytes) -> dict[str, Any]:
    """The document of a datagram; an AssertionError says what is wrong with it."""
    header, newline, body = datagram.partition(b"\n")
    assert newline and json.loads(header) == HEADER
    assert len(body) <= 64 * 1024
    document: dict[str, Any] = json.loads(body)
    assert set(document) <= FIELDS, set(document) - FIELDS
    assert _name(document["name"]), document["name"]
    assert _id(document["id"])
    assert _trace_id(document["trace_id"])
    assert type(document["start_time"]) is float and type(document["end_time"]) is float
    assert 0 < document["start_time"] <= document["end_time"]
    if "parent_id" in document:
        assert _id(document["parent_id"])
    if "type" in document or "namespace" in document:
        assert document["type"] == "subsegment" and "parent_id" in document
        assert document.get("namespace", "remote") in ("remote", "aws")
    _check_http(document.get("http", {}))
    for flag in ("error", "throttle", "fault"):
        assert document.get(flag, True) is True
    for exception in document.get("cause", {}).get("exceptions", []):
        assert _id(exception["id"])
    _check_annotations(document.get("annotations", {}))
    return document


def _check_http(http: dict[str, Any]) -> None:
    assert set(http) <= {"request", "response"}
    request, response = http.get("request", {}), http.get("response", {})
    assert set(request) <= {"method", "url", "user_agent", "client_ip", "x_forwarded_for"}
    assert set(response) <= {"status", "content_length"}
    assert all(type(value) is int for value in response.values())
    assert type(request.get("x_forwarded_for", True)) is bool


def _check_annotations(annotations: dict[str, Any]) -> None:
    assert len(annotations) <= 50
    for key, value in annotations.items():
        assert _key(key), key
        assert isinstance(value, (str, int, float, bool))
        assert not isinstance(value, str) or len(value) <= 1000
