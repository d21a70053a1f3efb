"""Operation names."""

from __future__ import annotations

import pytest

from autotrace.facts import ClientRequest, ServerRequest
from autotrace.operation import authority, client_operation, server_operation


@pytest.mark.parametrize(
    ("scheme", "host", "port", "expected"),
    [
        ("http", "api", 80, "api"),
        ("https", "api", 443, "api"),
        ("http", "api", 443, "api:443"),
        ("http", "api", None, "api"),
        ("http", "::1", 8080, "[::1]:8080"),
        ("http", "[::1]", 80, "[::1]"),
    ],
)
def test_authority(scheme: str, host: str, port: int | None, expected: str) -> None:
    assert authority(scheme, host, port) == expected
    assert client_operation(ClientRequest("GET", scheme, host, port, "/")) == expected


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("http://api:8080/a?b=http://c", "api:8080"),
        ("http://user:secret@api/", "api"),
        ("https://[::1]:443/", "[::1]"),
        # A path that has a URL in it, and no URL at all.
        ("/a?b=http://c", "proxy:3128"),
        ("//c/?b=http://c", "proxy:3128"),
        ("*", "proxy:3128"),
        ("http://api:port/", "proxy:3128"),
        ("http://[::1/", "proxy:3128"),
    ],
)
def test_a_call_by_a_proxy_is_named_by_whom_it_is_for(target: str, expected: str) -> None:
    assert client_operation(ClientRequest("GET", "http", "proxy", 3128, target)) == expected


def test_a_server_span_is_named_by_the_host_that_was_asked_for() -> None:
    request = ServerRequest("GET", "http", "api:8080", "/", "HTTP/1.1", "", "", 0)
    assert server_operation(request) == "api:8080"
    request.host = ""
    assert server_operation(request) == "ingress"
