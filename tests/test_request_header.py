"""A request's header by its name, out of what was kept of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from autotrace import request_header
from autotrace.facts import GrpcRequest
from autotrace.headers import Known
from tests.spans import client_span, server_span

CALL = SimpleNamespace(request_id="id", known=Known({"x-a": "1", "x-empty": ""}))


@pytest.mark.parametrize(
    ("name", "of_server", "of_client"),
    [
        (":method", "GET", "GET"),
        (":path", "/test", "/test"),
        (":scheme", "http", "http"),
        (":authority", "api", "api:8080"),
        ("host", "api", "api:8080"),
        ("user-agent", "agent", None),
        ("x-envoy-original-path", None, None),
        ("x-envoy-downstream-service-cluster", None, None),
        ("x-request-id", "id", "id"),
        ("x-a", "1", "1"),
        ("x-empty", "", ""),
        ("x-other", None, None),
    ],
)
def test_values(name: str, of_server: str | None, of_client: str | None) -> None:
    assert request_header.value(server_span(call=CALL), name) == of_server
    assert request_header.value(client_span(call=CALL), name) == of_client


def test_facts_that_were_not_told_are_not_there() -> None:
    facts: dict[str, Any] = dict.fromkeys(("method", "host", "target", "scheme", "user_agent"), "")
    span = server_span(**facts)
    assert {request_header.value(span, name) for name in request_header.TOLD} == {None}


def test_a_grpc_request_has_two_more() -> None:
    span = server_span()
    request = GrpcRequest("POST", "http", "api", "/pb.Foo/Bar", "HTTP/2", "", "", 0)
    request.content_type, request.timeout = "application/grpc", None
    span.request = request
    assert request_header.value(span, "content-type") == "application/grpc"
    assert request_header.value(span, "grpc-timeout") is None
