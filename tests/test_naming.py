"""How spans are named by the configuration."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from autotrace.naming import Naming
from autotrace.operation import is_egress
from autotrace.provider.opentelemetry import span_name
from autotrace.routes import Route
from autotrace.tags import Reading
from tests.spans import client_span, server_span


def names(naming: Naming, **facts: Any) -> tuple[str, str]:
    reading = Reading(naming=naming)
    return server_span(reading, **facts).name, client_span(reading, **facts).name


def test_without_anything_spans_are_named_by_the_host() -> None:
    assert names(Naming()) == ("api", "api:8080")


def test_a_decorator_names_them_unless_there_is_a_format() -> None:
    assert names(Naming(), operation="deco") == ("deco", "deco")
    assert names(Naming("%REQ(:METHOD)%"), operation="deco") == ("GET", "deco")
    assert names(Naming("", "%REQ(:PATH)%"), operation="deco") == ("deco", "/test")


@pytest.mark.parametrize("text", ["%RESP(x-not-there)%", "%NO", "%REK(a)%"])
def test_a_format_that_gives_nothing_leaves_the_default(text: str) -> None:
    assert names(Naming(text, text)) == ("api", "api:8080")


def test_envoys_names_go_to_the_tracer() -> None:
    assert names(Naming(substitute=span_name)) == ("ingress", "router api egress")
    # What no request caused is what Envoy's listener of outbound calls sees.
    assert names(Naming(substitute=span_name), parent_id="")[1] == "egress api:8080"
    assert names(Naming(substitute=lambda kind, name, host, path: path)) == ("/test", "/test")
    assert names(Naming(substitute=span_name), operation="deco") == ("deco", "deco")


def test_a_route_has_formats_of_its_own() -> None:
    route = Route({"match": {"prefix": "/"}, "tracing": {"operation": "mine"}})
    naming = Naming("general", "upstream", [route])
    call = SimpleNamespace(request_id="", route_rule=route)
    assert names(naming, call=call) == ("mine", "upstream")
    assert names(naming) == ("general", "upstream")


def test_the_direction_of_a_listener() -> None:
    assert [is_egress(word) for word in ("OUTBOUND", "INBOUND", "UNSPECIFIED", "")] == [
        True,
        False,
        False,
        False,
    ]
