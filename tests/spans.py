"""Spans for tests: made by hand, finished into a list."""

from __future__ import annotations

from typing import Any

from autotrace.facts import ClientRequest, ServerRequest
from autotrace.span import CLIENT, SERVER, Reading, Span
from autotrace.tags import Reading as TagReading

TRACE, SPAN, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0ba902b7"


def server_span(reading: Reading | None = None, **facts: Any) -> Span:
    """A server span of `GET http://api/test`, answered with 200; facts by name override."""
    span = Span(SERVER, TRACE, SPAN, PARENT, "", None, reading or TagReading(), lambda span: None)
    values: dict[str, Any] = {
        "method": "GET",
        "scheme": "http",
        "host": "api",
        "target": "/test",
        "protocol": "HTTP/1.1",
        "peer": "10.0.0.1",
        "user_agent": "agent",
        "size": 10,
    }
    values.update(
        {name: facts.pop(name) for name in list(facts) if name in ServerRequest.__slots__}
    )
    span.request = ServerRequest(**values)
    span.status = 200
    span.response_size = 11
    for name, value in facts.items():
        setattr(span, name, value)
    return span


def client_span(reading: Reading | None = None, **facts: Any) -> Span:
    """A client span of `GET http://api:8080/test`, answered with 200; facts by name override."""
    span = Span(CLIENT, TRACE, SPAN, PARENT, "", None, reading or TagReading(), lambda span: None)
    values: dict[str, Any] = {
        "method": "GET",
        "scheme": "http",
        "host": "api",
        "port": 8080,
        "target": "/test",
        "attempt": 1,
    }
    values.update(
        {name: facts.pop(name) for name in list(facts) if name in ClientRequest.__slots__}
    )
    span.request = ClientRequest(**values)
    span.status = 200
    span.protocol = "HTTP/1.1"
    span.peer = ("10.0.0.2", 8080)
    for name, value in facts.items():
        setattr(span, name, value)
    return span
