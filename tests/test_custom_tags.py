"""Custom tags by Envoy's rules."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from autotrace.custom_tags import CustomTags, header_names, merged
from autotrace.headers import Known
from autotrace.routes import Route
from autotrace.span import Span
from autotrace.tags import Reading
from tests.spans import client_span, server_span


def tags(
    entries: list[dict[str, Any]],
    environ: dict[str, str],
    headers: dict[str, str],
    configured: dict[str, Any] | None = None,
) -> Any:
    custom = CustomTags(entries, configured=configured, environ=environ)
    reading = Reading(custom=custom, include=["t", "u"])
    call = SimpleNamespace(request_id="id", known=Known(headers))
    return dict(server_span(reading, call=call).tags())


ENVIRONMENT = {"tag": "t", "environment": {"name": "VAR", "default_value": "default"}}
HEADER = {"tag": "t", "request_header": {"name": "X-Name", "default_value": "default"}}
VALUE = {"tag": "t", "value": "%REQ(X-Name?X-Other)%"}


@pytest.mark.parametrize(
    ("entry", "environ", "headers", "expected"),
    [
        ({"tag": "t", "literal": {"value": "text"}}, {}, {}, {"t": "text"}),
        (ENVIRONMENT, {"VAR": "set"}, {}, {"t": "set"}),
        (ENVIRONMENT, {}, {}, {"t": "default"}),
        (ENVIRONMENT, {"VAR": ""}, {}, {}),
        ({"tag": "t", "environment": {"name": "VAR"}}, {}, {}, {}),
        (HEADER, {}, {"x-name": "value"}, {"t": "value"}),
        (HEADER, {}, {}, {"t": "default"}),
        (HEADER, {}, {"x-name": ""}, {}),
        ({"tag": "t", "request_header": {"name": ":method"}}, {}, {}, {"t": "GET"}),
        ({"tag": "t", "request_header": {"name": "User-Agent"}}, {}, {}, {"t": "agent"}),
        ({"tag": "t", "request_header": {"name": "X-Request-Id"}}, {}, {}, {"t": "id"}),
        (VALUE, {}, {"x-name": "value"}, {"t": "value"}),
        (VALUE, {}, {"x-other": "other"}, {"t": "other"}),
        (VALUE, {}, {}, {}),
        ({"tag": "t", "value": "%ENVIRONMENT(VAR)%"}, {"VAR": "set"}, {}, {"t": "set"}),
        # The configuration has complained of it.
        ({"tag": "t", "value": "%NO"}, {}, {}, {}),
    ],
)
def test_sources(
    entry: dict[str, Any], environ: dict[str, str], headers: dict[str, str], expected: object
) -> None:
    assert tags([entry], environ, headers) == expected


METADATA = {"request": {"ns": {"a": {"text": "b", "empty": "", "none": None, "flag": False}}}}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (["a", "text"], {"t": "b"}),
        (["a", "flag"], {"t": "false"}),
        # What is there counts even if it is empty.
        (["a", "empty"], {"t": ""}),
        (["a", "none"], {"t": "default"}),
        (["a", "not there"], {"t": "default"}),
        (["a", "text", "deeper"], {"t": "default"}),
    ],
)
def test_metadata(path: list[str], expected: object) -> None:
    key = {"key": "ns", "path": path}
    source = {"kind": "request", "metadata_key": key, "default_value": "default"}
    assert tags([{"tag": "t", "metadata": source}], {}, {}, METADATA) == expected


def literal(name: str, value: str) -> dict[str, Any]:
    return {"tag": name, "literal": {"value": value}}


def test_of_equal_names_the_first_counts_and_the_route_s_before_all() -> None:
    assert tags([literal("t", "1"), literal("t", "2")], {}, {}) == {"t": "1"}
    both = merged([literal("t", "1"), literal("u", "2")], [literal("t", "3"), literal("t", "4")])
    assert both == [literal("t", "3"), literal("u", "2")]


def routed(route: Route | None, custom: CustomTags) -> dict[str, Any]:
    call = SimpleNamespace(request_id="", known=Known(), route_rule=route)
    return dict(server_span(Reading(custom=custom, include=["t", "u"]), call=call).tags())


def test_a_route_s_tags_are_those_of_its_spans_alone() -> None:
    matched = {"match": {"prefix": "/"}, "metadata": {"filter_metadata": {"ns": {"a": 1}}}}
    own = [
        {"tag": "t", "request_header": {"name": "x-not-there"}},
        {"tag": "u", "metadata": {"kind": "route", "metadata_key": {"key": "ns"}}},
    ]
    route, other = Route({**matched, "tracing": {"custom_tags": own}}), Route(matched)
    custom = CustomTags([literal("t", "1")], [route, other], environ={})
    # One without a value hides the general one.
    assert routed(route, custom) == {"u": '{"a":1}'}
    assert routed(other, custom) == routed(None, custom) == {"t": "1"}


def test_a_client_span_has_the_headers_of_the_call_that_caused_it() -> None:
    call = SimpleNamespace(request_id="", known=Known({"x-name": "value"}))
    span: Span = client_span(Reading(custom=CustomTags([HEADER]), include=["t"]), call=call)
    assert dict(span.tags()) == {"t": "value"}


def test_the_headers_that_are_read_are_known() -> None:
    agent = {"tag": "t", "request_header": {"name": "User-Agent"}}
    assert header_names([HEADER, ENVIRONMENT, agent, VALUE]) == ("x-name", "x-name", "x-other")
