"""What a server call continues, decides and hands on to the calls that it causes."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from autotrace.headers import Known
from autotrace.propagation import FORMATS
from tests.contract import wire
from tests.contract.agent import Record, facts
from tests.contract.conftest import Serve
from tests.contract.servers import Served
from tests.contract.upstream import Arrival, Upstream
from tests.contract.wire import Headers

TRACE, SHORT, PARENT = "0af7651916cd43dd8448eb211c80319c", "8448eb211c80319c", "b7ad6b7169203331"
GRANDPARENT = "05e3ac9a4f6e3b90"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-([0-9a-f])[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def out(served: Served, upstream: Upstream, headers: Headers = (), path: str = "/out") -> Arrival:
    """What one call sends out that comes in with these headers."""
    assert served.get(f"{path}?{upstream.port}", headers).status == 200
    return upstream.one()


def server_and_client(served: Served) -> tuple[Record, Record]:
    """The two spans of a call that makes one."""
    server, client = served.finished(2)
    assert (server["kind"], client["kind"]) == ("server", "client")
    return server, client


def test_the_span_has_envoys_fields(serve: Serve) -> None:
    served = serve()
    headers = [
        ("traceparent", f"00-{TRACE}-{PARENT}-01"),
        ("x-request-id", "f47ac10b-58cc-4372-a567-0e02b2c3d479"),
        ("User-Agent", "browser/1"),
        ("x-envoy-downstream-service-cluster", "front"),
        ("x-client-trace-id", "client-1"),
    ]
    assert served.get("/echo?a=b%20c&d", headers, "POST", b"body" * 5).body == b"body" * 5
    span = facts(served.one())
    assert re.fullmatch("[0-9a-f]{16}", span.pop("span_id"))
    host = f"127.0.0.1:{served.port}"
    tags = {
        "node_id": "node-1",
        "zone": "zone-a",
        # The client wanted the trace: Envoy writes that into the id.
        "guid:x-request-id": "f47ac10b-58cc-b372-a567-0e02b2c3d479",
        "http.url": f"http://{host}/echo?a=b%20c&d",
        "http.method": "POST",
        "downstream_cluster": "front",
        "user_agent": "browser/1",
        "http.protocol": "HTTP/1.1",
        "peer.address": "127.0.0.1",
        "guid:x-client-trace-id": "client-1",
        "request_size": "20",
        "response_size": "20",
        "component": "proxy",
        "http.status_code": "200",
        "response_flags": "-",
    }
    assert list(span["tags"].items()) == list(tags.items())
    del span["tags"]
    assert span == {
        "trace_id": TRACE,
        "parent_id": PARENT,
        "name": host,
        "kind": "server",
        "status": "unset",
        "status_message": "",
        "events": [],
        "links": [],
    }


def test_a_call_without_headers_begins_a_trace(serve: Serve, upstream: Upstream) -> None:
    served = serve()
    arrival = out(served, upstream)
    server, client = server_and_client(served)
    assert (server["parent_id"], client["parent_id"]) == ("", server["span_id"])
    assert client["trace_id"] == server["trace_id"] and len(server["trace_id"]) == 32
    assert arrival.span == (client["trace_id"], client["span_id"])


JOINED = {
    "tracecontext": ([("traceparent", f"00-{TRACE}-{PARENT}-01")], TRACE),
    "b3": ([("b3", f"{TRACE}-{PARENT}-1-{GRANDPARENT}")], TRACE),
    "b3 without a decision": ([("b3", f"{TRACE}-{PARENT}")], TRACE),
    "b3 upper case": ([("B3", f"{TRACE.upper()}-{PARENT.upper()}-1")], TRACE),
    "b3multi": (
        [("X-B3-TraceId", TRACE), ("X-B3-SpanId", PARENT), ("X-B3-Sampled", "1")],
        TRACE,
    ),
    "b3multi of 64 bits": ([("x-b3-traceid", SHORT), ("x-b3-spanid", PARENT)], SHORT),
}


@pytest.mark.parametrize("joined", JOINED)
def test_a_call_joins_the_trace_of_its_caller(
    joined: str, serve: Serve, upstream: Upstream
) -> None:
    headers, trace_id = JOINED[joined]
    served = serve()
    arrival = out(served, upstream, headers)
    server, client = server_and_client(served)
    assert (server["trace_id"], server["parent_id"]) == (trace_id, PARENT)
    assert (client["trace_id"], client["parent_id"]) == (trace_id, server["span_id"])
    # What arrived is continued, beside what is configured.
    assert arrival.span == (trace_id.rjust(32, "0"), client["span_id"])
    assert arrival.value("x-b3-traceid") == trace_id
    if joined.startswith("b3 "):
        assert arrival.value("b3").startswith(f"{trace_id}-{client['span_id']}-1")
    else:
        assert joined == "b3" or arrival.values("b3") == []


def test_a_malformed_traceparent_begins_a_new_trace(serve: Serve, upstream: Upstream) -> None:
    served = serve()
    arrival = out(
        served, upstream, [("traceparent", f"00-{TRACE}-{PARENT}-1"), ("tracestate", "a=b")]
    )
    server, client = server_and_client(served)
    assert (server["parent_id"], server["trace_id"] == TRACE) == ("", False)
    assert arrival.span == (server["trace_id"], client["span_id"])
    assert arrival.values("tracestate") == []


def test_another_formats_ids_are_taken_where_one_is_malformed(serve: Serve) -> None:
    served = serve()
    served.get("/hello", [("traceparent", "nonsense"), ("b3", f"{TRACE}-{PARENT}-1")])
    span = served.one()
    assert (span["trace_id"], span["parent_id"]) == (TRACE, PARENT)


# inbound headers, whether a span is made, what is sent on (None: not at all)
STATES: dict[str, tuple[Headers, bool, dict[str, str | None]]] = {
    "b3 absent": ([("b3", f"{TRACE}-{PARENT}")], True, {"x-b3-sampled": "1"}),
    "b3 no": ([("b3", f"{TRACE}-{PARENT}-0")], False, {"x-b3-sampled": "0"}),
    "b3 yes": ([("b3", f"{TRACE}-{PARENT}-1")], True, {"x-b3-sampled": "1"}),
    "b3 debug": (
        [("b3", f"{TRACE}-{PARENT}-d")],
        True,
        {"x-b3-flags": "1", "x-b3-sampled": None},
    ),
    "b3 only no": ([("b3", "0")], False, {"x-b3-sampled": "0", "b3": "T-S-0"}),
    "b3 only yes": ([("b3", "1")], True, {"x-b3-sampled": "1", "b3": "T-S-1"}),
    "b3 only debug": ([("b3", "d")], True, {"x-b3-flags": "1", "b3": "T-S-d"}),
    "b3multi no": (
        [("x-b3-traceid", TRACE), ("x-b3-spanid", PARENT), ("x-b3-sampled", "0")],
        False,
        {"x-b3-sampled": "0", "x-b3-traceid": TRACE, "x-b3-spanid": PARENT},
    ),
    "b3multi false": (
        [("x-b3-traceid", TRACE), ("x-b3-spanid", PARENT), ("x-b3-sampled", "false")],
        False,
        {"x-b3-sampled": "0"},
    ),
    "b3multi debug": (
        [("x-b3-traceid", TRACE), ("x-b3-spanid", PARENT), ("x-b3-flags", "1")],
        True,
        {"x-b3-flags": "1", "x-b3-sampled": None},
    ),
    "b3multi only no": ([("x-b3-sampled", "0")], False, {"x-b3-sampled": "0"}),
    "tracecontext no": (
        [("traceparent", f"00-{TRACE}-{PARENT}-00"), ("tracestate", "a=b")],
        False,
        {"traceparent": f"00-{TRACE}-{PARENT}-00", "tracestate": "a=b", "x-b3-sampled": "0"},
    ),
}


@pytest.mark.parametrize("state", STATES)
def test_the_decision_that_arrives_is_taken_and_sent_on(
    state: str, serve: Serve, upstream: Upstream
) -> None:
    headers, recorded, sent = STATES[state]
    served = serve()
    arrival = out(served, upstream, headers)
    served.finished(2 if recorded else 0)
    trace_id, span_id = arrival.span
    for name, value in sent.items():
        if value is None:
            assert arrival.values(name) == []
        else:
            wanted = value.replace("T-S", f"{trace_id}-{span_id}")
            # The parent's id may follow, which only a span that was made here has.
            assert arrival.value(name)[: len(wanted)] == wanted
    assert arrival.value("traceparent").endswith("-01" if recorded else "-00")


def test_what_is_not_sampled_still_hands_its_ids_on(serve: Serve, upstream: Upstream) -> None:
    """The next service is a child of the caller, since there is no span between."""
    served = serve()
    headers = [
        ("traceparent", f"00-{TRACE}-{PARENT}-00"),
        ("baggage", "user=alice;p=1"),
        ("x-request-id", "plain"),
        ("x-datadog-sampled", "as;it=came"),
    ]
    arrival = out(served, upstream, headers)
    assert arrival.value("traceparent") == f"00-{TRACE}-{PARENT}-00"
    assert (arrival.value("x-b3-traceid"), arrival.value("x-b3-spanid")) == (TRACE, PARENT)
    assert arrival.value("baggage") == "user=alice;p=1"
    assert arrival.value("x-request-id") == "plain"
    assert arrival.value("x-datadog-sampled") == "as;it=came"
    served.finished(0)


def test_baggage_and_tracestate_are_carried(serve: Serve, upstream: Upstream) -> None:
    served = serve()
    carried = {
        "tracestate": "vendor=a,other=b",
        "baggage": "user=alice;p=1,tenant=%C3%A4",
        "uberctx-user": "7",
        "ot-baggage-user": "8",
        "sw8-correlation": "dXNlcg==:YQ==",
        "jaeger-baggage": "a=b",
    }
    ids = [
        ("traceparent", f"00-{TRACE}-{PARENT}-01"),
        ("uber-trace-id", f"{TRACE}:{PARENT}:0:1"),
        ("ot-tracer-traceid", TRACE),
        ("ot-tracer-spanid", PARENT),
    ]
    arrival = out(served, upstream, [*ids, *carried.items()])
    assert {name: arrival.value(name.lower()) for name in carried} == carried
    served.finished(2)


# One span in every format.
ALL_FORMATS = {
    "traceparent": f"00-{TRACE}-{PARENT}-01",
    "b3": f"{TRACE}-{PARENT}-1",
    "x-b3-traceid": TRACE,
    "x-b3-spanid": PARENT,
    "x-b3-sampled": "1",
    "x-datadog-trace-id": str(int(TRACE[16:], 16)),
    "x-datadog-parent-id": str(int(PARENT, 16)),
    "x-datadog-sampling-priority": "2",
    "x-datadog-tags": f"_dd.p.tid={TRACE[:16]},_dd.p.dm=-4",
    "sw8": "1-MGFmNzY1MTkxNmNkNDNkZDg0NDhlYjIxMWM4MDMxOWM=-YjdhZDZiNzE2OTIwMzMzMQ==-0"
    "-c2Vydg==-aW5z-L2E=-ZXA6ODA=",
    "x-amzn-trace-id": f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={PARENT};Sampled=1;Lineage=a:1",
    "ot-tracer-traceid": TRACE,
    "ot-tracer-spanid": PARENT,
    "ot-tracer-sampled": "true",
    "x-cloud-trace-context": f"{TRACE}/{int(PARENT, 16)};o=1",
    "grpc-trace-bin": "AAAK92UZFs1D3YRI6yEcgDGcAbetmJcWkgMzMQIB",
    "uber-trace-id": f"{TRACE}:{PARENT}:0:1",
}


def test_what_came_in_all_formats_goes_out_naming_one_span_in_each(
    serve: Serve, upstream: Upstream
) -> None:
    served = serve()
    arrival = out(served, upstream, [*ALL_FORMATS.items()])
    server, client = server_and_client(served)
    assert (server["trace_id"], server["parent_id"]) == (TRACE, PARENT)
    headers = Known({name.lower(): arrival.value(name.lower()) for name, _ in arrival.headers})
    assert {*ALL_FORMATS} < {*headers}
    arrived = [name for name, one in FORMATS.items() if any(h in headers for h in one.headers)]
    # The binary one has no room for 128 bits, and did not come.
    assert {*FORMATS} - {*arrived} == {"ot"}
    for name in arrived:
        span = FORMATS[name].extract(headers)
        assert span is not None, name
        assert (span.trace_id, span.span_id, span.sampled) == (TRACE, client["span_id"], 1), name
    assert "_dd.p.dm=-4" in headers["x-datadog-tags"]
    assert headers["x-datadog-sampling-priority"] == "2"
    assert headers["x-amzn-trace-id"].endswith("Lineage=a:1")


# what arrives -> what is sent on; the fifteenth character tells why it is traced
REQUEST_IDS = {
    "kept": ("f47ac10b-58cc-9372-a567-0e02b2c3d479", "f47ac10b-58cc-9372-a567-0e02b2c3d479"),
    "packed": ("f47ac10b-58cc-4372-a567-0e02b2c3d479", "f47ac10b-58cc-9372-a567-0e02b2c3d479"),
    "upper case": ("F47AC10B-58CC-9372-A567-0E02B2C3D479", "F47AC10B-58CC-9372-A567-0E02B2C3D479"),
    "no UUID": ("order 17/b", "order 17/b"),
}


@pytest.mark.parametrize("case", REQUEST_IDS)
def test_the_request_id_is_handed_on(case: str, serve: Serve, upstream: Upstream) -> None:
    arrived, sent = REQUEST_IDS[case]
    served = serve()
    arrival = out(served, upstream, [("x-request-id", arrived), ("b3", "1")])
    assert arrival.value("x-request-id") == sent
    server, client = server_and_client(served)
    assert server["tags"]["guid:x-request-id"] == sent
    assert "guid:x-request-id" not in client["tags"]


def test_a_request_id_is_made_where_there_is_none(serve: Serve, upstream: Upstream) -> None:
    served = serve()
    made = out(served, upstream).value("x-request-id")
    match = UUID.fullmatch(made)
    assert match and match[1] == "9", made
    server, _ = server_and_client(served)
    assert server["tags"]["guid:x-request-id"] == made


def test_no_share_traces_nothing_and_says_so(serve: Serve, upstream: Upstream) -> None:
    served = serve(random_sampling="0")
    arrival = out(served, upstream)
    match = UUID.fullmatch(arrival.value("x-request-id"))
    assert match and match[1] == "4"
    assert arrival.value("traceparent").endswith("-00") and arrival.value("x-b3-sampled") == "0"
    served.finished(0)


def test_client_and_force_trace_overrule_the_share(serve: Serve, upstream: Upstream) -> None:
    served = serve(random_sampling="0")
    request_id = ("x-request-id", "f47ac10b-58cc-4372-a567-0e02b2c3d479")
    out(served, upstream, [request_id, ("x-client-trace-id", "client-1")])
    server, _ = server_and_client(served)
    assert server["tags"]["guid:x-client-trace-id"] == "client-1"
    assert server["tags"]["guid:x-request-id"][14] == "b"

    served = serve(random_sampling="0")
    served.get(
        "/hello", [request_id, ("x-envoy-force-trace", "true"), ("x-forwarded-for", "10.1.2.3")]
    )
    assert served.one()["tags"]["guid:x-request-id"][14] == "a"


@pytest.mark.parametrize("forwarded_for", ["8.8.8.8", "10.1.2.3, 8.8.8.8", None])
def test_nobody_outside_can_force_a_trace(forwarded_for: str | None, serve: Serve) -> None:
    served = serve(random_sampling="0")
    headers = [("x-envoy-force-trace", "true")]
    if forwarded_for:
        headers.append(("x-forwarded-for", forwarded_for))
    served.get("/hello", headers)
    served.finished(0)


@pytest.mark.parametrize(
    ("beginning", "recorded"),
    # The first eight digits, modulo 10000, are compared with 5000.
    [("00000000", 1), (f"{4999:08x}", 1), (f"{5000:08x}", 0), (f"{29999:08x}", 0)],
)
def test_the_share_follows_the_request_id(beginning: str, recorded: int, serve: Serve) -> None:
    served = serve(random_sampling="50")
    served.get("/hello", [("x-request-id", f"{beginning}-58cc-4372-a567-0e02b2c3d479")])
    served.finished(recorded)


def test_what_is_excluded_is_not_recorded_and_hands_on(serve: Serve, upstream: Upstream) -> None:
    served = serve(exclude="GET /excluded*, /hello")
    headers = [("traceparent", f"00-{TRACE}-{PARENT}-01"), ("x-request-id", "id-1")]
    arrival = out(served, upstream, headers, "/excluded")
    assert arrival.value("traceparent") == f"00-{TRACE}-{PARENT}-01"
    assert arrival.value("x-request-id") == "id-1"
    served.get("/hello")
    served.get("/excluded", method="POST")
    span = served.one()
    assert span["tags"]["http.method"] == "POST"


CARRIED = [
    ("X-Request-Id", "F47AC10B-58CC-4372-A567-0E02B2C3D479"),
    ("x-b3-traceid", TRACE.upper()),
    ("x-b3-spanid", PARENT.upper()),
    ("b3", "1"),
    ("traceparent", f"00-{TRACE}-{PARENT}-00"),
    ("tracestate", " b=2,  a=1"),
    ("sw8", "1-VFJBQ0U=-U0VH-3-c2Vydg==-aW5z-L2E=-ZXA6ODA="),
    ("uber-trace-id", "abc:def:0:1"),
    ("uberctx-user", "Alice"),
    ("ot-tracer-spanid", PARENT),
    ("x-ot-span-context", "as;it=came"),
    ("grpc-trace-bin", "AAAB"),
]


def test_propagate_mode_hands_on_byte_for_byte(serve: Serve, upstream: Upstream) -> None:
    """No decision is added, no case is changed, no format made; what is not ours stays behind."""
    served = serve(mode="propagate")
    arrival = out(served, upstream, [*CARRIED, ("Cookie", "secret"), ("x-custom", "1")])
    own = ("host", "accept-encoding", "connection")
    sent = {name.lower(): value for name, value in arrival.headers if name.lower() not in own}
    assert sent == {name.lower(): value.strip() for name, value in CARRIED}
    assert len(arrival.headers) == len(CARRIED) + 2
    assert served.spans == []


@pytest.mark.parametrize("mode", ["propagate", "trace"])
def test_no_value_of_a_repeated_header_is_lost(mode: str, serve: Serve, upstream: Upstream) -> None:
    """Servers put them into one, each with blanks of its own."""
    served = serve(mode=mode)
    parent = f"00-{TRACE}-{PARENT}-00"
    repeated = [
        ("baggage", "a=1"),
        ("baggage", "b=2"),
        ("tracestate", "x=1"),
        ("tracestate", "y=2"),
    ]
    arrival = out(served, upstream, [("traceparent", parent), *repeated])
    assert arrival.value("traceparent") == parent
    for name in ("baggage", "tracestate"):
        sent = [part.strip() for part in ",".join(arrival.values(name)).split(",")]
        assert sent == [value for key, value in repeated if key == name]


def test_propagate_mode_makes_nothing_up(serve: Serve, upstream: Upstream) -> None:
    served = serve(mode="propagate")
    arrival = out(served, upstream)
    assert sorted(name.lower() for name, _ in arrival.headers) == ["accept-encoding", "host"]
    assert served.spans == []


@pytest.mark.parametrize("path", ["/closing", "/calling"])
def test_the_context_is_current_wherever_the_application_runs(
    path: str, serve: Serve, upstream: Upstream
) -> None:
    """In the handler, in each step of the body, and when the body is closed."""
    served = serve()
    served.get(f"{path}?{upstream.port}", [("traceparent", f"00-{TRACE}-{PARENT}-01")])
    steps = ["handler", "iter", "step-1", "step-2", "close"] if path == "/closing" else []
    server, *clients = served.finished(1 + (len(steps) or 2))
    assert {client["parent_id"] for client in clients} == {server["span_id"]}
    arrived = [arrival.target.split("/")[1] for arrival in upstream.arrivals]
    assert arrived == (steps or ["before", "between"])
    assert [arrival.span for arrival in upstream.arrivals] == [
        (TRACE, client["span_id"]) for client in clients
    ]


def test_the_body_of_an_unsampled_call_hands_on_as_well(serve: Serve, upstream: Upstream) -> None:
    served = serve()
    served.get(f"/closing?{upstream.port}", [("traceparent", f"00-{TRACE}-{PARENT}-00")])
    assert {arrival.span for arrival in upstream.wait(5)} == {(TRACE, PARENT)}
    served.finished(0)


def test_nothing_is_left_behind_for_the_next_call(serve: Serve, upstream: Upstream) -> None:
    """Two calls on one connection, so in one thread where the server has threads."""
    served = serve()
    with wire.connect(served.port) as connection, connection.makefile("rb") as stream:
        wire.send(
            connection, f"/closing?{upstream.port}", [("traceparent", f"00-{TRACE}-{PARENT}-01")]
        )
        first = wire.receive(stream)
        # The body is closed after it was sent.
        served.spans.wait(6)
        kept = wire.again(first, connection, stream, f"/out?{upstream.port}")
    if kept is None:
        served.get(f"/out?{upstream.port}")
    spans = served.finished(8)
    servers = [span for span in spans if span["kind"] == "server"]
    assert [span["parent_id"] for span in servers] == [PARENT, ""]
    assert servers[1]["trace_id"] != TRACE
    last = upstream.arrivals[-1]
    assert last.span == (servers[1]["trace_id"], spans[-1]["span_id"])


def test_concurrent_calls_do_not_mix(serve: Serve, upstream: Upstream) -> None:
    served = serve()
    numbers = [f"{number:032x}" for number in range(1, 51)]

    def one(trace_id: str) -> int:
        headers = [("traceparent", f"00-{trace_id}-{PARENT}-01"), ("x-request-id", trace_id)]
        return served.get(f"/calling?{upstream.port}&{trace_id}", headers).status

    with ThreadPoolExecutor(50) as pool:
        assert set(pool.map(one, numbers)) == {200}
    spans = served.finished(150)
    parents = {span["span_id"]: span for span in spans if span["kind"] == "server"}
    assert sorted(span["trace_id"] for span in parents.values()) == numbers
    for span in spans:
        if span["kind"] == "client":
            assert span["trace_id"] == parents[span["parent_id"]]["trace_id"]
    assert len(upstream.arrivals) == 100
    for arrival in upstream.arrivals:
        token = arrival.target.rpartition("/")[2]
        assert (arrival.span[0], arrival.value("x-request-id")) == (token, token)


def test_an_application_within_another_makes_no_second_span(serve: Serve) -> None:
    served = serve()
    assert served.get("/nested").body == b"inner"
    assert served.one()["tags"]["response_size"] == "5"
