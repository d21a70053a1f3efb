"""Whom Envoy would ask, and for what."""

from __future__ import annotations

import pytest

from autotrace.config.http_uri import host_and_path


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("https://zipkin:9411/api/v2/spans", ("zipkin:9411", "/api/v2/spans")),
        ("http://zipkin", ("zipkin", "/")),
        ("http://zipkin/", ("zipkin", "/")),
        ("http://[::1]:9411/a?b=c", ("[::1]:9411", "/a?b=c")),
        ("/api/v2/spans", ("tracing", "/api/v2/spans")),
        ("api/v2/spans", ("tracing", "/api/v2/spans")),
        ("", ("tracing", "/")),
    ],
)
def test_host_and_path(uri: str, expected: tuple[str, str]) -> None:
    assert host_and_path(uri, "tracing") == expected
