"""Finished spans with fixed ids and times, for the tests of exporters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autotrace.export.resource import Resource
from autotrace.span import SERVER, Event, Span

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN_ID = "00f067aa0ba902b7"
PARENT_ID = "b7ad6b7169203331"
START = 1_700_000_000_123_456_789
RESOURCE = Resource("Shop", "pod-7", "eu-1", {"service.name": "Shop", "process.pid": 42})

SERVER_TAGS = [
    ("node_id", "pod-7"),
    ("zone", "eu-1"),
    ("guid:x-request-id", "a9c3b1e2-7f8a-9c11-b0aa-2f5f1e0c9b77"),
    ("http.url", "http://shop.example.com/checkout?item=42"),
    ("http.method", "GET"),
    ("downstream_cluster", "-"),
    ("user_agent", "python-requests/2.34.2"),
    ("http.protocol", "HTTP/1.1"),
    ("peer.address", "10.2.3.4"),
    ("request_size", "0"),
    ("response_size", "1532"),
    ("component", "proxy"),
    ("http.status_code", "200"),
    ("response_flags", "-"),
]


class FixedReading:
    """Reads a name, tags and a status that are given."""

    def __init__(self, name: str, tags: Sequence[tuple[str, Any]], status: int) -> None:
        self._name, self._tags, self._status = name, list(tags), status

    def name(self, span: Span) -> str:
        return self._name

    def tags(self, span: Span) -> list[tuple[str, Any]]:
        return self._tags

    def status(self, span: Span) -> int:
        return self._status

    def events(self, span: Span) -> list[Event]:
        return []


def make_span(
    name: str = "shop.example.com",
    tags: Sequence[tuple[str, Any]] = (),
    *,
    kind: int = SERVER,
    span_id: str = SPAN_ID,
    parent_id: str = PARENT_ID,
    trace_id: str = TRACE_ID,
    status: int = 0,
    start_ns: int = START,
    duration_ns: int = 12_345_678,
    tracestate: str = "",
    **others: Any,
) -> Span:
    """A finished span with the given tags; `others` are further attributes of the object."""
    span = Span(
        kind,
        trace_id,
        span_id,
        parent_id,
        tracestate,
        None,
        FixedReading(name, tags, status),
        _nowhere,
    )
    span.start_ns, span.end_ns = start_ns, start_ns + duration_ns
    for key, value in others.items():
        setattr(span, "_events" if key == "events" else key, value)
    return span


def numbered(count: int) -> list[Span]:
    """Spans with the ids 1 to `count`."""
    return [make_span(span_id=f"{number:016x}") for number in range(1, count + 1)]


def _nowhere(span: Span) -> None:
    """Finished spans of tests go where the test puts them."""
