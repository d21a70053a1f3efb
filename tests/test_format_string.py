"""Envoy's format strings, rendered from spans."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest

from autotrace import format_string
from autotrace.facts import Stream
from autotrace.format_grammar import COMMANDS, EMPTY, YES
from autotrace.format_string import header_names, made_ready, response_header_names, trailer_names
from autotrace.headers import Known
from autotrace.span import Span
from tests.spans import SPAN, TRACE, client_span, server_span

START = 1_527_590_590_528_123_456
ENVIRON = {"TEAM": "red"}
METADATA = {
    "request": {"ns": {"test_key": "foo", "test_object": {"inner_key": "bar"}}},
    "cluster": {"ns": {"a": 1}},
    "host": {"ns": {"a": True}},
}
ROUTE = SimpleNamespace(name="checkout", cluster="shop", metadata={"ns": {"b": "r"}})
CALL = SimpleNamespace(
    request_id="id", known=Known({"x-a": "1", "x-empty": "", "x-long": "123456"}), route_rule=ROUTE
)


LONG = '{"command": "REQ", "param": "x-long", "max_length": 4}'


def server(**facts: Any) -> Span:
    span = server_span(call=CALL, target="/a?b=c&d=%C3%A4", **facts)
    span.request.route = "/<name>"  # type: ignore[union-attr]
    span.start_ns, span.end_ns = START, START + 12_999_999
    span.response_headers = {"x-served-by": "r1"}
    span.response_trailers = {"x-checksum": "c1"}
    return span


def render(text: str, span: Span) -> str:
    ready = made_ready(text, ENVIRON, METADATA)
    assert ready is not None
    return ready(span)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain 100%%", "plain 100%"),
        ("%REQ(:METHOD)% %ROUTE%", "GET /<name>"),
        ("%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%", "/a?b=c&d=%C3%A4 HTTP/1.1"),
        ("%REQUEST_HEADER(x-a)%", "1"),
        ("%REQ(x-none?x-a)%", "1"),
        # A header that is there counts even if it is empty.
        ("%REQ(x-empty?x-a)%", ""),
        ("%REQ(x-long):3%", "123"),
        ("%REQ(x-none)%", ""),
        ("%REQ_WITHOUT_QUERY(:path)%", "/a"),
        ("%RESP(X-Served-By)% %RESPONSE_HEADER(a?x-served-by):1%", "r1 r"),
        ("%TRAILER(x-checksum)% %RESPONSE_TRAILER(x-none)%", "c1 "),
        ("%RESPONSE_CODE% %RESPONSE_CODE_DETAILS%", "200 "),
        ("%BYTES_RECEIVED% %BYTES_SENT% %DURATION%", "10 11 12"),
        ("%RESPONSE_FLAGS% %RESPONSE_FLAGS_LONG%", "DC DownstreamConnectionTermination"),
        ("%ROUTE_NAME% %UPSTREAM_CLUSTER% %UPSTREAM_CLUSTER_RAW%", "checkout shop shop"),
        ("%UPSTREAM_HOST%", ""),
        ("%DOWNSTREAM_REMOTE_ADDRESS%", "10.0.0.1"),
        ("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "10.0.0.1"),
        ("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(16)%", "10.0.0.0/16"),
        ("%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT(999)%", "10.0.0.1"),
        ("%START_TIME% %START_TIME(%s.%3f)%", "2018-05-29T10:43:10.528Z 1527590590.528"),
        ("%EMIT_TIME(%s)%", "1527590590"),
        ("%HOSTNAME%", os.uname().nodename),
        ("%ENVIRONMENT(TEAM)% %ENVIRONMENT(TEAM):2% %ENVIRONMENT(NONE)%", "red re "),
        ("%TRACE_ID%/%SPAN_ID%/%STREAM_ID%", f"{TRACE}/{SPAN}/id"),
        ("%PATH% %PATH(NQ)% %PATH(NQ:PATH):1%", "/a?b=c&d=%C3%A4 /a /"),
        ("%PATH(WQ:ORIG)%", ""),
        ("%QUERY_PARAM(b)% %QUERY_PARAM(none)%", "c "),
        ("%QUERY_PARAMS% %QUERY_PARAMS(DECODED)%", "b=c&d=%C3%A4 b=c&d=\xe4"),
        ("%REQUESTED_SERVER_NAME% %REQUESTED_SERVER_NAME(HOST_FIRST)%", " api"),
        ("%DYNAMIC_METADATA(ns:test_key)%", "foo"),
        ("%DYNAMIC_METADATA(ns:test_object)%", '{"inner_key":"bar"}'),
        ("%DYNAMIC_METADATA(ns:test_object:inner_key):2%", "ba"),
        ("%DYNAMIC_METADATA(ns:unknown)% %DYNAMIC_METADATA(other)%", " "),
        ("%METADATA(DYNAMIC:ns:test_key)% %METADATA(ROUTE:ns:b)%", "foo r"),
        ("%METADATA(CLUSTER:ns:a)% %CLUSTER_METADATA(ns:a)%", "1 1"),
        ("%METADATA(UPSTREAM_HOST:ns:a)% %UPSTREAM_METADATA(ns:a)%", "true true"),
        ("%METADATA(LISTENER:ns:a)%", ""),
        ("%GRPC_STATUS% %GRPC_STATUS(SNAKE_STRING)%", "InvalidArgument INVALID_ARGUMENT"),
        ("%GRPC_STATUS(NUMBER)% %GRPC_STATUS_NUMBER%", "3 3"),
        (f'%COALESCE({{"operators": ["UPSTREAM_HOST", {LONG}]}})%', "1234"),
        (f'%COALESCE({{"operators": [{LONG}]}}):3%', "123"),
        ('%COALESCE({"operators": ["UPSTREAM_HOST"]})%', ""),
        ("%CEL(response.code)%", ""),
    ],
)  # fmt: skip
def test_a_server_span(text: str, expected: str) -> None:
    assert render(text, server(flags=("DC",), grpc=[("3", None)])) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%REQ(:METHOD)% %REQ(:AUTHORITY)%%REQ(:PATH)%", "GET api:8080/test"),
        ("%REQ(x-a)% %ROUTE_NAME%", "1 checkout"),
        ("%UPSTREAM_HOST% %UPSTREAM_REMOTE_ADDRESS%", "10.0.0.2:8080 10.0.0.2:8080"),
        ("%UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %UPSTREAM_REMOTE_PORT%", "10.0.0.2 8080"),
        ("%UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(8)%", "10.0.0.0/8"),
        ("%UPSTREAM_HOST_NAME% %UPSTREAM_HOST_NAME_WITHOUT_PORT%", "api:8080 api"),
        ("%UPSTREAM_PROTOCOL% %UPSTREAM_REQUEST_ATTEMPT_COUNT%", "HTTP/1.1 3"),
        ("%UPSTREAM_CLUSTER%", "api"),
        ("%PROTOCOL%%ROUTE%%BYTES_SENT%%BYTES_RECEIVED%%DOWNSTREAM_REMOTE_ADDRESS%", ""),
    ],
)
def test_a_client_span(text: str, expected: str) -> None:
    assert render(text, client_span(call=CALL, attempt=3)) == expected


def test_every_command_renders_any_span() -> None:
    spans = [server_span(), client_span(peer=None, protocol=""), client_span(peer="/run/a.sock")]
    for request in (None, Stream(("10.0.0.1", 1))):
        spans.append(server_span())
        spans[-1].request = request
    for name, takes in [*COMMANDS.items(), *((name, None) for name in EMPTY)]:
        arguments = {"COALESCE": '({"operators": []})', "METADATA": "(ROUTE:ns)"}
        argument = arguments.get(name, "(a)") if takes == YES else ""
        for span in spans:
            assert isinstance(render(f"%{name}{argument}%", span), str), name


@pytest.mark.parametrize("grpc", ["17", "abc", "9" * 9999, ""])
def test_an_unknown_grpc_status_is_shown_as_it_is(grpc: str) -> None:
    assert render("%GRPC_STATUS%", server(grpc=[(grpc, None)])) == grpc


@pytest.mark.parametrize(
    "text",
    ["%NO", "%REK(a)%", "%COALESCE(x)%", "%COALESCE([])%", '%COALESCE({"operators": [1]})%',
     '%COALESCE({"operators": ["REK"]})%', '%COALESCE({"operators": [{"command": []}]})%',
     '%COALESCE({"operators": [{"command": "PATH", "param": 1}]})%',
     '%COALESCE({"operators": [{"command": "PATH", "max_length": "1"}]})%'],
)  # fmt: skip
def test_a_malformed_format_is_none(text: str) -> None:
    assert made_ready(text, {}, {}) is None


def test_the_names_that_it_reads() -> None:
    text = "%REQ(X-A?:PATH)% %REQ(user-agent)% %REQ(x-a)% %RESP(B)% %TRAILER(C)%"
    assert header_names(text) == ("x-a",)
    assert response_header_names(text) == ("b",)
    assert trailer_names(text) == ("c",)
    assert header_names(f'%COALESCE({{"operators": ["PATH", {LONG}]}})%') == ("x-long",)
    assert header_names("%NO") == ()
    assert format_string.header_names("") == ()
