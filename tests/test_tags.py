"""Span fields: Envoy's in Envoy's order, OpenTelemetry's, and what overrides them."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace.custom_tags import CustomTags
from autotrace.facts import (
    CLIENT_GONE,
    CONNECTION_FAILURE,
    TIMEOUT,
    GrpcRequest,
    SideCall,
    Stream,
)
from autotrace.span import CLIENT, ERROR, SERVER, UNSET, Span
from autotrace.tags import Reading
from tests.spans import client_span, server_span


def test_a_server_span_has_envoys_fields_in_envoys_order() -> None:
    reading = Reading(node_id="node-1", zone="zone-1")
    span = server_span(
        reading,
        downstream_cluster="front",
        call=SimpleNamespace(request_id="id"),
        client_trace_id="c",
    )
    assert span.tags() == [
        ("node_id", "node-1"),
        ("zone", "zone-1"),
        ("guid:x-request-id", "id"),
        ("http.url", "http://api/test"),
        ("http.method", "GET"),
        ("downstream_cluster", "front"),
        ("user_agent", "agent"),
        ("http.protocol", "HTTP/1.1"),
        ("peer.address", "10.0.0.1"),
        ("guid:x-client-trace-id", "c"),
        ("request_size", "10"),
        ("response_size", "11"),
        ("component", "proxy"),
        ("http.status_code", "200"),
        ("response_flags", "-"),
    ]


def test_a_server_span_says_dash_where_envoy_does_and_nothing_of_unknown_headers() -> None:
    tags = dict(server_span(user_agent="", protocol="", peer="").tags())
    assert tags["user_agent"] == tags["downstream_cluster"] == tags["http.protocol"] == "-"
    assert not {"peer.address", "guid:x-request-id", "guid:x-client-trace-id", "node_id"} & {*tags}


def test_a_client_span_has_envoys_fields_in_envoys_order() -> None:
    reading = Reading(node_id="node-1", zone="zone-1")
    assert client_span(reading, attempt=3).tags() == [
        ("retry.count", "2"),
        ("http.protocol", "HTTP/1.1"),
        ("upstream_address", "10.0.0.2:8080"),
        ("peer.address", "10.0.0.2:8080"),
        ("component", "proxy"),
        ("upstream_cluster", "api"),
        ("upstream_cluster.name", "api"),
        ("http.status_code", "200"),
        ("response_flags", "-"),
    ]


def test_a_failed_exchange_has_its_flags_the_error_and_the_reason() -> None:
    span = client_span(status=0, peer=None, protocol="", reason="refused")
    span.flags = (CONNECTION_FAILURE, TIMEOUT)
    # They are written when the exchange fails, before the rest; the flags in Envoy's order.
    assert span.tags() == [
        ("error", "true"),
        ("error.reason", "refused"),
        ("component", "proxy"),
        ("upstream_cluster", "api"),
        ("upstream_cluster.name", "api"),
        ("http.status_code", "0"),
        ("response_flags", "UT,UF"),
    ]
    assert (span.status_code, span.status_message) == (ERROR, "refused")


@pytest.mark.parametrize(
    ("status", "server_error", "server_status", "client_status"),
    [
        (200, False, UNSET, UNSET),
        (301, False, UNSET, UNSET),
        (404, False, UNSET, ERROR),
        (499, False, UNSET, ERROR),
        (500, True, ERROR, ERROR),
        (503, True, ERROR, ERROR),
        (0, True, ERROR, ERROR),
    ],
)
def test_errors(status: int, server_error: bool, server_status: int, client_status: int) -> None:
    server, client = server_span(status=status), client_span(status=status)
    assert (("error", "true") in server.tags()) is server_error
    assert (("error", "true") in client.tags()) is server_error
    assert (server.status_code, client.status_code) == (server_status, client_status)


def test_a_client_that_went_away_is_a_flag_and_no_error() -> None:
    tags = dict(server_span(flags=(CLIENT_GONE,)).tags())
    assert tags["response_flags"] == "DC"
    assert "error" not in tags


@pytest.mark.parametrize(
    ("facts", "url"),
    [
        ({"target": "/a?b=c"}, "http://api/a?b=c"),
        ({"original_path": "/before", "target": "/after"}, "http://api/before"),
        ({"target": "http://other/a?b"}, "http://api/a?b"),
        ({"target": ""}, ""),
        ({"host": "", "scheme": "https"}, "https:///test"),
        ({"target": "/" + "a" * 300}, "http://api/" + "a" * 255),
        ({"target": "/\xe4" + "a" * 300}, "http://api/\xe4" + "a" * 254),
    ],
)
def test_http_url(facts: dict[str, Any], url: str) -> None:
    assert dict(server_span(**facts).tags())["http.url"] == url


def test_the_address_of_an_ipv6_peer_and_of_a_unix_socket() -> None:
    assert dict(client_span(peer=("::1", 80, 0, 0)).tags())["peer.address"] == "[::1]:80"
    assert dict(client_span(peer="/run/app.sock").tags())["peer.address"] == "/run/app.sock"
    assert "peer.address" not in dict(client_span(peer="").tags())


@pytest.mark.parametrize(
    ("target", "url", "host"),
    [
        ("/login?next=http://c/", "http://api:8080/login?next=http://c/", "api"),
        # Sent to a proxy, which is at api:8080.
        ("http://other/a", "http://other/a", "other"),
    ],
)
def test_the_url_and_the_host_of_a_client_span(target: str, url: str, host: str) -> None:
    tags = dict(client_span(Reading("both"), target=target).tags())
    assert (tags["url.full"], tags["server.address"], tags["upstream_cluster"]) == (url, host, host)


def test_semantic_conventions_of_a_server_span() -> None:
    span = server_span(Reading("otel"), host="api:8080", target="/test?a=b")
    assert span.request is not None
    span.request.route = "/<name>"  # type: ignore[union-attr]
    assert dict(span.tags()) == {
        "http.request.method": "GET",
        "url.scheme": "http",
        "url.path": "/test",
        "url.query": "a=b",
        "http.route": "/<name>",
        "server.address": "api",
        "server.port": 8080,
        "network.protocol.version": "1.1",
        "client.address": "10.0.0.1",
        "user_agent.original": "agent",
        "http.request.body.size": 10,
        "http.response.body.size": 11,
        "http.response.status_code": 200,
    }


def test_semantic_conventions_of_a_client_span() -> None:
    assert dict(client_span(Reading("otel"), attempt=2, status=404).tags()) == {
        "http.request.method": "GET",
        "url.full": "http://api:8080/test",
        "server.address": "api",
        "server.port": 8080,
        "network.protocol.version": "1.1",
        "network.peer.address": "10.0.0.2",
        "network.peer.port": 8080,
        "http.request.resend_count": 1,
        "http.response.status_code": 404,
        "error.type": "404",
    }


def test_both_styles_are_written_together() -> None:
    names = [name for name, _ in server_span(Reading("both")).tags()]
    assert {"http.method", "http.request.method"} <= {*names}
    assert len(names) == len({*names})


ANYTHING = st.text(alphabet=st.characters(max_codepoint=255)) | st.sampled_from(
    ["http://[::1/", "api:\xb2", "api:" + "9" * 5000, "/a?b", "-1", "9" * 5000, "\xb2"]
)


@pytest.mark.parametrize("style", ["both", "otel"])
@given(st.data())
def test_nothing_that_strangers_send_raises(style: str, data: st.DataObject) -> None:
    reading = Reading(style)
    texts = ("method", "host", "target", "protocol", "peer", "user_agent", "original_path")
    facts: dict[str, Any] = {name: data.draw(ANYTHING) for name in texts}
    client = {name: facts[name] for name in ("method", "host", "target")}
    grpc = [(data.draw(ANYTHING), data.draw(st.none() | ANYTHING))]
    for span in (
        server_span(reading, grpc=grpc, client_trace_id=facts["host"], **facts),
        client_span(reading, grpc=grpc, **client),
    ):
        assert isinstance(span.name, str)
        assert span.tags()
        assert span.status_code in (UNSET, ERROR)


def test_globs_choose_the_tags() -> None:
    span = server_span(Reading(include=["http.*", "component"], exclude=["*.url"]))
    assert [name for name, _ in span.tags()] == [
        "http.method",
        "http.protocol",
        "component",
        "http.status_code",
    ]


def test_custom_tags_override_and_what_the_program_sets_overrides_them() -> None:
    custom = CustomTags([{"tag": "component", "literal": {"value": "custom"}}])
    span = server_span(Reading(custom=custom))
    assert dict(span.tags())["component"] == "custom"
    span.set_attribute("component", "program")
    span.set_attribute("items", 3)
    assert dict(span.tags())["component"] == "program"
    assert span.tags()[-1] == ("items", 3)


def test_custom_tags_are_written_before_a_server_s_grpc_status_and_after_a_client_s() -> None:
    custom = CustomTags([{"tag": "grpc.message", "literal": {"value": "custom"}}])
    for make, message in ((server_span, "gone"), (client_span, "custom")):
        span = make(Reading(custom=custom), grpc=[("14", "gone")])
        assert dict(span.tags())["grpc.message"] == message


def grpc_span(**facts: Any) -> Span:
    span = server_span(**facts)
    request = GrpcRequest("POST", "http", "api:80", "/pb.Foo/Bar", "HTTP/2", "", "", 0)
    request.content_type = "application/grpc"
    request.timeout = "10s"
    span.request = request
    return span


def test_a_grpc_request_has_its_fields_after_those_of_its_headers() -> None:
    names = [name for name, _ in grpc_span(client_trace_id="c", grpc=[("0", "")]).tags()]
    first = names.index("guid:x-client-trace-id")
    assert names[first + 1 : first + 6] == [
        "grpc.path",
        "grpc.authority",
        "grpc.content_type",
        "grpc.timeout",
        "request_size",
    ]
    assert names[-2:] == ["grpc.status_code", "grpc.message"]


def test_a_request_without_a_timeout_says_none() -> None:
    span = grpc_span()
    span.request.timeout = None  # type: ignore[union-attr]
    assert "grpc.timeout" not in dict(span.tags())


def test_trailers_overwrite_the_grpc_status_of_headers_but_no_error_of_it() -> None:
    tags = dict(grpc_span(grpc=[("14", "gone"), ("0", None)]).tags())
    assert (tags["grpc.status_code"], tags["grpc.message"]) == ("0", "gone")
    assert tags["error"] == "true"


def test_of_a_request_whose_head_never_arrived_only_the_rest_is_told() -> None:
    span = server_span(method="", status=0, call=SimpleNamespace(request_id="id"))
    assert [name for name, _ in span.tags()] == [
        "request_size",
        "response_size",
        "component",
        "http.status_code",
        "response_flags",
        "error",
    ]


def test_an_attempt_that_was_given_up_is_canceled() -> None:
    tags = dict(client_span(status=0, canceled=True).tags())
    assert tags["canceled"] == tags["error"] == "true"
    assert "error.reason" not in tags


def test_the_cluster_of_a_configured_route_is_that_of_a_server_span() -> None:
    route = SimpleNamespace(cluster="shop", metadata={}, custom_tags=())
    tags = dict(server_span(call=SimpleNamespace(request_id="", route_rule=route)).tags())
    assert (tags["upstream_cluster"], tags["upstream_cluster.name"]) == ("shop", "shop")


def test_the_cluster_of_a_client_span_is_that_of_its_own_route() -> None:
    inbound, outbound, silent = (
        SimpleNamespace(cluster=name, metadata={}, custom_tags=()) for name in ("in", "out", "")
    )
    call = SimpleNamespace(request_id="", route_rule=inbound)
    for route, cluster in ((None, "api"), (silent, "api"), (outbound, "out")):
        tags = dict(client_span(call=call, outbound_route=route).tags())
        assert tags["upstream_cluster"] == cluster


def test_an_observability_name_is_told_beside_the_cluster() -> None:
    tags = dict(client_span(upstream=("c1", "c1o")).tags())
    assert (tags["upstream_cluster"], tags["upstream_cluster.name"]) == ("c1", "c1o")


def stream_span(kind: int) -> Span:
    span = server_span(upstream=("c", "co"), peer=("10.0.0.1", 443), kind=kind)
    span.request = Stream(("10.0.0.100", 5000))
    span.peer = ("10.0.0.1", 443)
    return span


def test_a_stream_of_another_protocol_has_envoys_generic_fields() -> None:
    assert stream_span(SERVER).tags() == [
        ("component", "proxy"),
        ("response_flags", "-"),
        ("peer.address", "10.0.0.100:5000"),
        ("upstream_cluster", "c"),
        ("upstream_cluster.name", "co"),
        ("upstream_address", "10.0.0.1:443"),
    ]
    assert dict(stream_span(CLIENT).tags())["peer.address"] == "10.0.0.1:443"
    assert stream_span(CLIENT).status_code == UNSET


@pytest.mark.parametrize(
    ("answered", "facts", "tags"),
    [
        (True, {"grpc": [("0", None)]}, {"grpc.status_code": "0"}),
        (False, {"grpc": [("0", None)]}, {"grpc.status_code": "0", "error": "true"}),
        # Stricter than for requests: any status but OK.
        (True, {"grpc": [("5", None)]}, {"grpc.status_code": "5", "error": "true"}),
        (False, {"canceled": True}, {"status": "canceled"}),
    ],
)
def test_a_side_call(answered: bool, facts: dict[str, Any], tags: dict[str, str]) -> None:
    span = client_span(**facts)
    span.request = SideCall("authz", answered)
    assert dict(span.tags()) == {"upstream_cluster": "authz", "component": "proxy", **tags}
    assert span.name == "async authz egress"


@pytest.mark.parametrize(
    ("status", "server_status", "client_status"),
    [("0", UNSET, UNSET), ("5", UNSET, ERROR), ("8", UNSET, ERROR), ("14", ERROR, ERROR)],
)
def test_the_status_of_grpc_spans(status: str, server_status: int, client_status: int) -> None:
    assert grpc_span(grpc=[(status, None)]).status_code == server_status
    assert client_span(grpc=[(status, None)]).status_code == client_status


def test_a_tracer_s_own_rule_makes_the_status_of_envoys_fields() -> None:
    def status(kind: int, tags: Mapping[str, Any]) -> int:
        return ERROR if tags["http.status_code"] == "200" else UNSET

    assert server_span(Reading(status=status)).status_code == ERROR
    assert server_span(Reading(status=status), status=500).status_code == UNSET


def test_verbose_adds_envoys_log_events() -> None:
    for verbose, names in ((True, ["mine", "last_downstream_tx_byte_sent"]), (False, ["mine"])):
        span = server_span(Reading(verbose=verbose))
        span.add_event("mine")
        span.note("last_downstream_tx_byte_sent")
        assert [event.name for event in span.events] == names
