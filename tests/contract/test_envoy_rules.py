"""What Envoy's configuration changes in the running agent: a WSGI program that calls a service."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import urllib3

from autotrace import sampling
from autotrace.integrations import wsgi
from tests.contract import agent, calls
from tests.contract.agent import Record
from tests.contract.upstream import Arrival, Upstream

TRACE, SHORT, PARENT = "0af7651916cd43dd8448eb211c80319c", "8448eb211c80319c", "b7ad6b7169203331"
ID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
FORCED = {"x-envoy-force-trace": "1", "x-forwarded-for": "10.0.0.1", "x-request-id": ID}
NOBODY = {"random_sampling": "0"}


class Served(NamedTuple):
    """What one request came to: the response's headers, what was sent on, the spans."""

    headers: dict[str, str]
    arrival: Arrival
    server: Record | None
    client: Record | None

    def sent(self, name: str) -> str | None:
        """A header of the outbound call."""
        values = self.arrival.values(name)
        assert len(values) < 2, values
        return values[0] if values else None


Ask = Callable[..., Served]


@pytest.fixture
def ask(upstream: Upstream) -> Iterator[Ask]:
    """Serves a request under settings, by a program that calls the upstream with the path."""
    with urllib3.PoolManager() as pool:

        def ask(
            headers: dict[str, str] | None = None,
            path: str = "/ok",
            peer: str = "10.1.2.3",
            **settings: str,
        ) -> Served:
            told: list[tuple[str, str]] = []

            def start_response(status: str, headers: list[tuple[str, str]], *info: Any) -> Any:
                told.extend(headers)
                return io.BytesIO().write

            def program(environ: Any, start_response: Any) -> list[bytes]:
                pool.request("GET", upstream.url(path))
                start_response("200 OK", [("X-Request-Id", "its own"), ("X-A", "b")])
                return [b"done"]

            environ = calls.environ_of(headers, path)
            environ["REMOTE_ADDR"] = peer
            upstream.clear()
            with agent.traced(**settings) as spans:
                body = wsgi.call(program, environ, start_response)
                assert b"".join(body) == b"done"
                getattr(body, "close", lambda: None)()
                records = spans.records()
            assert agent.failures() == {}
            assert len(records) <= 2, records
            by_kind = {record["kind"]: record for record in records}
            return Served(
                {name.lower(): value for name, value in told},
                upstream.one(),
                by_kind.get("server"),
                by_kind.get("client"),
            )

        yield ask


def spans(served: Served) -> tuple[Record, Record]:
    """The server's and the client's record, both of which there must be."""
    assert served.server is not None
    assert served.client is not None
    return served.server, served.client


MULTI = {"x-b3-traceid": SHORT, "x-b3-spanid": PARENT, "x-b3-sampled": "1"}


def test_zipkins_tracer_shares_the_callers_span(ask: Ask) -> None:
    served = ask({**MULTI, "traceparent": "as it came"}, provider="zipkin")
    server, client = spans(served)
    assert (server["trace_id"], server["span_id"], server["parent_id"]) == (SHORT, PARENT, "")
    assert client["parent_id"] == PARENT
    assert served.sent("x-b3-traceid") == SHORT
    assert served.sent("x-b3-spanid") == client["span_id"]
    assert served.sent("x-b3-parentspanid") == PARENT
    # It writes B3 only; the rest passes through as through Envoy.
    assert served.sent("traceparent") == "as it came"


def test_zipkins_tracer_shares_nothing_where_it_is_told_not_to(ask: Ask) -> None:
    server, client = spans(ask(MULTI, provider="zipkin", zipkin_shared_span_context="0"))
    assert server["parent_id"] == PARENT
    assert client["parent_id"] == server["span_id"] != PARENT


def test_zipkins_tracer_begins_traces_of_64_bits_with_the_traces_id(ask: Ask) -> None:
    server, client = spans(ask(provider="zipkin"))
    assert server["trace_id"] == server["span_id"]
    assert len(server["trace_id"]) == 16
    assert client["parent_id"] == server["span_id"]


def test_zipkins_tracer_makes_no_span_of_what_is_malformed(ask: Ask) -> None:
    served = ask({"b3": f"{TRACE}-{PARENT}-1-x"}, provider="zipkin")
    assert (served.server, served.client) == (None, None)
    assert served.sent("b3") == f"{TRACE}-{PARENT}-1-x"
    assert served.sent("x-b3-traceid") is None
    assert served.sent("x-request-id")


def test_opentelemetrys_tracer_obeys_envoys_no(ask: Ask) -> None:
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    served = ask(headers, provider="opentelemetry", **NOBODY)
    assert served.server is None
    sent = served.sent("traceparent")
    assert sent is not None
    assert (sent[:36], sent[-2:]) == (f"00-{TRACE}-", "00")
    # Envoy always writes it, even without a member, and gives the span an id of its own.
    assert served.sent("tracestate") == ""
    assert PARENT not in sent


def test_opentelemetrys_tracer_has_samplers(ask: Ask) -> None:
    none = {"trace_id_ratio_based": {"sampling_percentage": {"numerator": 0}}}
    sampler = json.dumps(none)
    assert ask(provider="opentelemetry", opentelemetry_sampler=sampler).server is None
    assert ask(provider="opentelemetry", opentelemetry_sampler='{"always_on": {}}').server


@pytest.mark.parametrize("priority", ["-1", "0", "1", "2"])
def test_datadogs_tracer_keeps_the_priority(ask: Ask, priority: str) -> None:
    ids = {"x-datadog-trace-id": "123", "x-datadog-parent-id": "456"}
    served = ask({**ids, "x-datadog-sampling-priority": priority}, provider="datadog")
    assert (served.server is not None) is (int(priority) > 0)
    assert served.sent("x-datadog-sampling-priority") == priority
    assert served.sent("x-datadog-trace-id") == "123"


SW8 = "0-dHJhY2UtMQ==-c2VnbWVudC0x-3-c3Zj-aTE=-L2E=-aDo4MA=="


def test_skywalkings_tracer_traces_whatever_has_its_header(ask: Ask) -> None:
    served = ask({"sw8": SW8}, provider="skywalking", **NOBODY)
    _, client = spans(served)
    sw8 = served.sent("sw8")
    assert sw8 is not None
    assert sw8.startswith("1-dHJhY2UtMQ==-")
    assert client["name"] == "/ok"
    assert ask(provider="skywalking", **NOBODY).sent("sw8") is None


def test_xrays_tracer_decides_by_its_own_rules(ask: Ask) -> None:
    none = {"fixed_target": 0, "rate": 0}
    rules = [{**none, "url_path": "/ok"}, {"fixed_target": 0, "rate": 1}]
    manifest = json.dumps({"version": 2, "default": none, "rules": rules})
    settings = {"provider": "xray", "xray_sampling_rule_manifest": manifest, **NOBODY}
    assert ask(path="/ok", **settings).server is None
    served = ask(path="/empty", **settings)
    assert served.server is not None
    root = served.sent("x-amzn-trace-id")
    assert root is not None
    assert root.endswith("Sampled=1")
    headers = {"x-amzn-trace-id": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0"}
    assert ask(headers, path="/empty", **settings).server is None


def test_lightsteps_tracer_writes_its_header(ask: Ask) -> None:
    served = ask(provider="lightstep")
    again = ask({"x-ot-span-context": served.sent("x-ot-span-context") or ""}, provider="lightstep")
    assert served.client is not None
    assert again.server is not None
    assert (again.server["trace_id"], again.server["parent_id"]) == (
        served.client["trace_id"],
        served.client["span_id"],
    )


def test_lightsteps_tracer_counts_what_it_cannot_read(ask: Ask) -> None:
    def counted(headers: dict[str, str]) -> int:
        before = sampling.counters()["span_context_extraction_error"]
        served = ask(headers, provider="lightstep")
        assert served.server is not None and served.server["parent_id"] == ""
        return sampling.counters()["span_context_extraction_error"] - before

    assert counted({"x-ot-span-context": "no base64"}) == 1
    assert counted({}) == 0


@pytest.mark.parametrize(
    ("provider", "server_tags", "client_tags"),
    [
        ("lightstep", ("span.kind", "server"), ("span.kind", "client")),
        ("opencensus", ("OperationName", "Ingress"), ("OperationName", "Egress")),
    ],
)
def test_some_tracers_tag_each_span_from_its_start(
    ask: Ask, provider: str, server_tags: tuple[str, str], client_tags: tuple[str, str]
) -> None:
    server, client = spans(ask(provider=provider))
    assert server_tags in server["tags"].items()
    assert client_tags in client["tags"].items()


def test_opencensus_tracer_reads_and_writes_what_is_listed(ask: Ask) -> None:
    served = ask(
        {"x-cloud-trace-context": f"{TRACE}/1;o=1", "traceparent": f"00-{TRACE}-{PARENT}-01"},
        provider="opencensus",
        opencensus_incoming_trace_context="cloud_trace_context",
        opencensus_outgoing_trace_context="cloud_trace_context,grpc_trace_bin",
        **NOBODY,
    )
    server, _ = spans(served)
    assert (server["trace_id"], server["parent_id"]) == (TRACE, "0" * 15 + "1")
    assert served.sent("grpc-trace-bin")
    assert (served.sent("x-cloud-trace-context") or "").startswith(TRACE)
    assert served.sent("traceparent") == f"00-{TRACE}-{PARENT}-01"


ROUTES = json.dumps(
    [
        {
            "match": {"path": "/ok"},
            "decorator": {"operation": "okay"},
            "tracing": {"custom_tags": [{"tag": "team", "literal": {"value": "red"}}]},
            "route": {"cluster": "local_app"},
        },
        {"match": {"prefix": "/empty"}, "tracing": {"random_sampling": {"numerator": 0}}},
        {
            "match": {"prefix": "/"},
            "traffic_direction": "OUTBOUND",
            "decorator": {"operation": "call"},
            "route": {"cluster": "stock"},
        },
    ]
)


def test_routes_name_spans_and_tell_it(ask: Ask) -> None:
    served = ask(routes=ROUTES)
    server, client = spans(served)
    assert (server["name"], client["name"]) == ("okay", "call")
    assert served.headers["x-envoy-decorator-operation"] == "okay"
    assert served.sent("x-envoy-decorator-operation") == "call"
    assert server["tags"]["team"] == "red"
    assert server["tags"]["upstream_cluster"] == "local_app"
    assert client["tags"]["upstream_cluster"] == "stock"


def test_the_callers_decorator_counts_more_than_the_route(ask: Ask) -> None:
    served = ask({"x-envoy-decorator-operation": "theirs"}, routes=ROUTES)
    assert spans(served)[0]["name"] == "theirs"
    assert "x-envoy-decorator-operation" not in served.headers


def test_a_call_is_named_as_the_callee_says(ask: Ask) -> None:
    _, client = spans(ask(path="/named/theirs", routes=ROUTES))
    assert client["name"] == "theirs"
    _, client = spans(ask(path="/named/theirs", upstream_operation="ours"))
    assert client["name"] == "ours"


def test_a_route_has_shares_of_its_own(ask: Ask) -> None:
    assert ask(path="/empty", routes=ROUTES).server is None
    assert ask(path="/ok", routes=ROUTES).server is not None


def test_an_unsampled_call_tells_its_decorator_too(ask: Ask) -> None:
    served = ask({"b3": "0"}, routes=ROUTES)
    assert served.server is None
    assert served.headers["x-envoy-decorator-operation"] == "okay"
    assert served.headers["x-a"] == "b"


def test_names_by_formats(ask: Ask) -> None:
    served = ask(
        routes=ROUTES, operation="%REQ(:METHOD)% %REQ(:PATH)%", upstream_operation="%REQ(:METHOD)%!"
    )
    server, client = spans(served)
    assert (server["name"], client["name"]) == ("GET /ok", "GET!")
    assert "x-envoy-decorator-operation" not in served.headers


def test_who_forces_a_trace_is_told_its_id(ask: Ask) -> None:
    served = ask(FORCED, **NOBODY)
    assert served.server is not None
    packed = ID[:14] + "a" + ID[15:]
    assert (served.headers["x-request-id"], served.sent("x-request-id")) == (packed, packed)
    assert "x-envoy-force-trace" not in dict(served.arrival.headers)


def test_outsiders_cannot_force_a_trace(ask: Ask) -> None:
    served = ask({**FORCED, "x-forwarded-for": "203.0.113.7"}, **NOBODY)
    assert (served.server, served.headers["x-request-id"]) == (None, "its own")
    # The last line is the one that a proxy added.
    two = ask({**FORCED, "x-forwarded-for": "10.0.0.1, 203.0.113.7"}, **NOBODY)
    assert two.server is None


def test_the_request_id_is_told_where_that_is_wanted(ask: Ask) -> None:
    for headers in ({"x-request-id": ID, "b3": "0"}, {"b3": "0"}, {}):
        served = ask(headers, always_set_request_id_in_response="1")
        assert served.headers["x-request-id"] == served.sent("x-request-id") != "its own"


def test_an_outsiders_request_id_is_replaced_or_kept_without_its_reason(ask: Ask) -> None:
    forced = {"x-request-id": ID[:14] + "b" + ID[15:]}
    edge = {"use_remote_address": "1", "internal_address_config": "192.168.0.0/16", **NOBODY}
    replaced = ask(forced, peer="203.0.113.7", **edge)
    assert replaced.sent("x-request-id") != ID
    kept = ask(forced, peer="203.0.113.7", preserve_external_request_id="1", **edge)
    assert (kept.sent("x-request-id"), kept.server) == (ID, None)
    assert ask(forced, peer="192.168.0.1", **edge).server is not None


def test_what_outsiders_say_of_themselves_is_not_believed(ask: Ask) -> None:
    said = {"x-envoy-downstream-service-cluster": "ours", "x-envoy-decorator-operation": "theirs"}
    tags = [{"tag": name, "request_header": {"name": name}} for name in said]
    settings = {"use_remote_address": "1", "custom_tags": json.dumps(tags)}
    server, _ = spans(ask(said, peer="203.0.113.7", **settings))
    assert (server["name"], server["tags"]["downstream_cluster"]) == ("shop:8000", "-")
    assert server["tags"].keys().isdisjoint(said)
    server, _ = spans(ask(said, peer="10.1.2.3", **settings))
    assert (server["name"], server["tags"]["downstream_cluster"]) == ("theirs", "ours")
    assert {name: server["tags"][name] for name in said} == said


def test_health_checks_are_never_traced(ask: Ask) -> None:
    before = sampling.counters()["health_check"]
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    served = ask(headers, health_check_paths="GET /ok")
    assert (served.server, served.client) == (None, None)
    assert served.sent("traceparent") == f"00-{TRACE}-{PARENT}-00"
    assert sampling.counters()["health_check"] == before + 1


def test_each_call_is_counted_by_its_reason(ask: Ask) -> None:
    def counted(**settings: Any) -> dict[str, int]:
        before = sampling.counters()
        ask(**settings)
        after = sampling.counters()
        return {name: after[name] - before[name] for name in after if after[name] != before[name]}

    assert counted() == {"random_sampling": 1}
    assert counted(**NOBODY) == {"not_traceable": 1}
    assert counted(headers=FORCED, **NOBODY) == {"service_forced": 1}
    assert counted(headers={"x-client-trace-id": "c"}, **NOBODY) == {"client_enabled": 1}
    assert counted(provider="zipkin") == {"random_sampling": 1}


def test_shares_change_with_the_runtime_file(ask: Ask, tmp_path: Path) -> None:
    file = tmp_path / "runtime.json"
    file.write_text('{"tracing.random_sampling": 0}')
    assert ask(runtime_file=str(file)).server is None
    file.write_text('{"tracing.random_sampling": 100}')
    assert ask(runtime_file=str(file)).server is not None


def test_nothing_of_the_trace_is_sent_where_that_is_not_wanted(ask: Ask) -> None:
    served = ask({**MULTI, "baggage": "a=b"}, no_context_propagation="1")
    server, client = spans(served)
    assert client["parent_id"] == server["span_id"]
    assert {"traceparent", "x-b3-traceid"}.isdisjoint(
        {n.lower() for n, _ in served.arrival.headers}
    )
    assert served.sent("x-request-id")


def test_without_spans_of_calls_the_requests_own_is_handed_on(ask: Ask) -> None:
    served = ask(spawn_upstream_span="0")
    assert served.server is not None
    assert served.client is None
    assert served.sent("x-b3-spanid") == served.server["span_id"]


def test_calls_say_who_calls(ask: Ask) -> None:
    served = ask(add_user_agent="1")
    assert served.sent("x-envoy-downstream-service-cluster") == "shop"
    assert served.sent("x-envoy-downstream-service-node") == "node-1"


def test_verbose_spans_have_the_instants(ask: Ask) -> None:
    server, client = spans(ask(verbose="1"))
    assert [event["name"] for event in server["events"]] == [
        "last_downstream_rx_byte_received",
        "first_downstream_tx_byte_sent",
        "last_downstream_tx_byte_sent",
    ]
    assert [event["name"] for event in client["events"]] == [
        "first_upstream_tx_byte_sent",
        "last_upstream_tx_byte_sent",
        "first_upstream_rx_byte_received",
        "last_upstream_rx_byte_received",
    ]


def test_opentelemetrys_tracer_samples_by_an_expression(ask: Ask) -> None:
    pytest.importorskip("cel")
    expression = "request.url_path == '/ok' && request.headers['x-tier'] == 'gold'"
    settings = {
        "provider": "opentelemetry",
        "opentelemetry_sampler": json.dumps({"cel": {"expression": expression}}),
    }
    assert ask({"x-tier": "gold"}, **settings).server is not None
    assert ask({"x-tier": "iron"}, **settings).server is None
    assert ask(**settings).server is None


def test_opentelemetrys_tracer_samples_as_dynatrace_does(ask: Ask) -> None:
    sampler = {"dynatrace": {"tenant": "abc12345", "cluster_id": -1743916452}}
    settings = {"provider": "opentelemetry", "opentelemetry_sampler": json.dumps(sampler)}
    served = ask(**settings)
    server, client = spans(served)
    assert (served.sent("tracestate") or "").startswith("5b3f9fed-980df25c@dt=fw4;0;0;0;0;0;0;")
    assert server["tags"]["supportability.atm_sampling_ratio"] == "1"
    assert "supportability.atm_sampling_ratio" not in client["tags"]
    ignored = "5b3f9fed-980df25c@dt=fw4;0;0;0;0;1;2;95"
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": ignored}
    served = ask(headers, **settings)
    assert (served.server, served.sent("tracestate")) == (None, ignored)


def test_names_and_tags_are_made_of_the_headers_as_envoy_has_them(ask: Ask) -> None:
    values = {
        "internal": "%REQ(x-envoy-internal)%",
        "external": "%REQ(x-envoy-external-address)%",
        "retry": "%REQ(x-envoy-retry-on)%",
        "for": "%REQ(x-forwarded-for)%",
    }
    tags = [{"tag": tag, "value": value} for tag, value in values.items()]
    of_server = {"client": "%DOWNSTREAM_REMOTE_ADDRESS%"}
    of_server["direct"] = "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%"
    tags += [{"tag": tag, "value": value} for tag, value in of_server.items()]
    settings = {"custom_tags": json.dumps(tags)}
    said = {"x-envoy-internal": "false", "x-envoy-retry-on": "5xx"}

    def read(came_for: str, **more: str) -> tuple[dict[str, str], dict[str, str]]:
        headers = {**said, **({"x-forwarded-for": came_for} if came_for else {})}
        server, client = spans(ask(headers, **settings, **more))
        chosen = {tag: server["tags"][tag] for tag in of_server}
        for tag in values:
            assert server["tags"].get(tag) == client["tags"].get(tag)
        return {tag: server["tags"][tag] for tag in values if tag in server["tags"]}, chosen

    ours, clients = read("10.0.0.1")
    assert ours == {"internal": "true", "retry": "5xx", "for": "10.0.0.1"}
    assert clients == {"client": "10.0.0.1", "direct": "10.1.2.3"}
    # Somebody whom nobody vouches for, and somebody who enters here.
    assert read("203.0.113.7, 10.0.0.1")[0] == {"for": "203.0.113.7, 10.0.0.1"}
    assert read("")[1]["client"] == "10.1.2.3"
    at_the_edge = {"use_remote_address": "1", "internal_address_config": "192.168.0.0/16"}
    assert read("203.0.113.7", **at_the_edge) == (
        {"external": "10.1.2.3", "for": "203.0.113.7,10.1.2.3"},
        {"client": "10.1.2.3", "direct": "10.1.2.3"},
    )
