"""gRPC servers: one span a call, whatever kind of call, server and end."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

grpc = pytest.importorskip("grpc")

from tests.contract import agent  # noqa: E402
from tests.contract.agent import Record, Spans  # noqa: E402
from tests.contract.calls import PARENT, TRACE  # noqa: E402
from tests.contract.grpc_calls import (  # noqa: E402
    KINDS,
    SERVICE,
    Client,
    Everything,
    Server,
    as_stranger,
    everything,
)

SAMPLED = ("traceparent", f"00-{TRACE}-{PARENT}-01")
UNSAMPLED = ("traceparent", f"00-{TRACE}-{PARENT}-00")
# The reason of a trace that was sampled is packed into it already, and the other has none.
REQUEST_ID = "b6a1f9c2-7d3e-9f10-9a52-0c1d2e3f4a5b"


@pytest.fixture(scope="module")
def both() -> Iterator[Everything]:
    with everything() as made:
        yield made


@pytest.fixture(params=("grpc", "grpc.aio"))
def server(request: pytest.FixtureRequest, both: Everything) -> Server:
    server = both.servers[request.param]
    server.service.clear()
    return server


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def client(both: Everything) -> Client:
    return both.clients["grpc"]


Call = Callable[..., Any]


@pytest.fixture
def call(server: Server, client: Client, kind: str) -> Call:
    """Calls the server as a stranger, with metadata and options."""

    def call(message: str, *metadata: tuple[str, Any], **options: Any) -> Any:
        return as_stranger(
            lambda: client.send(server.target, kind, message, metadata=metadata, **options)
        )

    return call


def served(spans: Spans) -> Record:
    """The only span of the server."""
    return spans.one()


def test_a_call_is_one_server_span_with_envoys_fields(
    call: Call, server: Server, kind: str, spans: Spans
) -> None:
    call("ok", SAMPLED, ("x-request-id", REQUEST_ID), ("x-envoy-original-path", "/old"))
    span = agent.facts(served(spans))
    tags = span.pop("tags")
    host = server.target if server.name == "grpc" else ""
    assert tags.pop("user_agent").startswith("grpc-python/")
    # Each of two messages, `done`, stands behind five bytes.
    size = 9 if kind.endswith("unary") else 18
    assert tags == {
        "node_id": "node-1",
        "zone": "zone-a",
        "guid:x-request-id": REQUEST_ID,
        "http.url": f"http://{host}/old",
        "http.method": "POST",
        "downstream_cluster": "-",
        "http.protocol": "HTTP/2",
        "peer.address": "127.0.0.1",
        "grpc.path": SERVICE + kind,
        "grpc.authority": host,
        "grpc.content_type": "application/grpc",
        "request_size": "0",
        "response_size": str(size),
        "component": "proxy",
        "http.status_code": "200",
        "response_flags": "-",
        "grpc.status_code": "0",
    }
    span_id = span.pop("span_id")
    assert len(span_id) == 16 and span_id != PARENT
    assert span == {
        "trace_id": TRACE,
        "parent_id": PARENT,
        "name": host or "ingress",
        "kind": "server",
        "status": "unset",
        "status_message": "",
        "events": [],
        "links": [],
    }


def test_a_call_without_headers_begins_a_trace(call: Call, spans: Spans) -> None:
    call("ok")
    span = served(spans)
    assert span["parent_id"] == "" and len(span["trace_id"]) == 32
    # A request id was made.
    assert len(span["tags"]["guid:x-request-id"]) == 36


def test_the_route_is_the_method(call: Call, kind: str) -> None:
    with agent.traced(tags="otel") as spans:
        call("ok")
        assert served(spans)["tags"]["http.route"] == SERVICE + kind


def test_calls_that_it_causes_are_children(
    call: Call, server: Server, kind: str, spans: Spans
) -> None:
    call(f"out {kind}", SAMPLED, ("x-request-id", REQUEST_ID))
    one, two, three = spans.exactly(3)
    assert [one["kind"], two["kind"], three["kind"]] == ["server", "client", "server"]
    assert {each["trace_id"] for each in (one, two, three)} == {TRACE}
    assert [two["parent_id"], three["parent_id"]] == [one["span_id"], two["span_id"]]
    arrived = server.service.arrivals[1]
    assert [value for key, value in arrived if key == "x-request-id"] == [REQUEST_ID]


def test_an_unsampled_call_hands_its_headers_on(
    call: Call, server: Server, kind: str, spans: Spans
) -> None:
    call(f"out {kind}", UNSAMPLED, ("x-request-id", REQUEST_ID), ("baggage", "a=b"))
    arrived = dict(server.service.arrivals[1])
    assert arrived["traceparent"] == UNSAMPLED[1]
    assert (arrived["x-request-id"], arrived["baggage"]) == (REQUEST_ID, "a=b")
    assert not spans


def test_in_propagate_mode_headers_go_out_byte_for_byte(
    call: Call, server: Server, kind: str
) -> None:
    headers = (
        ("traceparent", "Not  ours to judge"),
        ("x-request-id", "mine"),
        ("x-b3-traceid", "1"),
        ("b3", "0"),
        ("baggage", "a=b"),
        ("baggage", "c=d"),
        ("x-datadog-trace-id", "7"),
    )
    with agent.traced(mode="propagate") as spans:
        call(f"out {kind}", *headers)
        arrived = server.service.arrivals[1]
        known = {key for key, _ in headers}
        assert sorted(pair for pair in arrived if pair[0] in known) == sorted(headers)
        assert not spans


@pytest.mark.parametrize("code", range(1, 17))
@pytest.mark.parametrize("way", ["abort", "set"])
def test_a_status_is_told_and_some_are_errors(
    code: int, way: str, server: Server, client: Client, spans: Spans
) -> None:
    with pytest.raises(grpc.RpcError):
        as_stranger(lambda: client.send(server.target, "unary_unary", f"{way} {code}"))
    tags = served(spans)["tags"]
    assert (tags["grpc.status_code"], tags["grpc.message"]) == (str(code), "no luck")
    assert tags["http.status_code"] == "200"
    # Envoy's rule: reference, section 11.
    assert ("error" in tags) is (code in (2, 4, 8, 12, 13, 14, 15))


def test_an_abort_is_told_for_every_kind(call: Call, spans: Spans) -> None:
    with pytest.raises(grpc.RpcError) as failed:
        call("abort 5")
    assert (failed.value.code(), failed.value.details()) == (grpc.StatusCode.NOT_FOUND, "no luck")
    tags = served(spans)["tags"]
    assert (tags["grpc.status_code"], tags["grpc.message"]) == ("5", "no luck")


def test_an_exception_is_told(call: Call, spans: Spans) -> None:
    with pytest.raises(grpc.RpcError) as failed:
        call("raise")
    assert failed.value.code() is grpc.StatusCode.UNKNOWN
    span = served(spans)
    tags = span["tags"]
    assert (tags["grpc.status_code"], tags["error"]) == ("2", "true")
    assert tags["grpc.message"] == failed.value.details() and "boom" in tags["grpc.message"]
    assert span["status"] == "error"


@pytest.mark.parametrize("kind", ["unary_stream", "stream_stream"])
def test_an_exception_in_mid_stream_is_told(call: Call, spans: Spans) -> None:
    with pytest.raises(grpc.RpcError):
        call("first raise")
    tags = served(spans)["tags"]
    assert (tags["grpc.status_code"], tags["http.status_code"]) == ("2", "200")
    assert tags["response_size"] == "10"


def test_metadata_of_responses_is_the_handlers(
    server: Server, client: Client, spans: Spans
) -> None:
    callable = client.callable(server.target, "unary_unary")
    _, answered = as_stranger(lambda: callable.with_call(b"trailing"))
    assert [tuple(pair) for pair in answered.initial_metadata()] == [
        ("i", "1"),
        ("x-envoy-decorator-operation", "theirs"),
    ]
    assert [tuple(pair) for pair in answered.trailing_metadata()] == [
        ("t", "1"),
        ("t", "2"),
        ("t-bin", b"\xff"),
    ]
    served(spans)


def test_a_deadline_that_passes_ends_the_call(call: Call, server: Server, spans: Spans) -> None:
    with pytest.raises(grpc.RpcError) as failed:
        # So long that the handler has all that is sent, and waits, on a busy machine too.
        call("wait", timeout=1)
    assert failed.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    tags = served(spans)["tags"]
    assert tags["grpc.timeout"].endswith("m") and 0 < int(tags["grpc.timeout"][:-1]) <= 1010
    # Whoever notices first.
    assert tags.get("grpc.status_code") == "4" or tags["response_flags"] == "DC"
    assert tags["error"] == "true"


def test_a_client_that_cancels_is_gone(
    server: Server, client: Client, kind: str, spans: Spans
) -> None:
    callable = client.callable(server.target, kind)
    begin = getattr(callable, "future", callable)
    argument: Any = iter([b"wait", b"x"]) if kind.startswith("stream") else b"wait"
    begun = as_stranger(lambda: begin(argument))
    assert server.service.begun.acquire(timeout=agent.PATIENCE)
    begun.cancel()
    tags = served(spans)["tags"]
    assert (tags["http.status_code"], tags["response_flags"]) == ("0", "DC")
    assert "grpc.status_code" not in tags


@pytest.mark.parametrize("kind", ["unary_stream", "stream_stream"])
def test_a_generator_that_is_not_exhausted_ends_with_the_client(
    server: Server, client: Client, kind: str, spans: Spans
) -> None:
    begun = as_stranger(lambda: client.begin(server.target, kind, "first wait"))
    assert next(begun) == b"first"
    assert server.service.begun.acquire(timeout=agent.PATIENCE)
    begun.cancel()
    tags = served(spans)["tags"]
    # It was answered, but not to the end.
    assert (tags["http.status_code"], tags["response_flags"]) == ("200", "DC")
    assert (tags["response_size"], "error" in tags) == ("10", False)


def test_a_method_that_is_not_there_is_unimplemented(
    server: Server, client: Client, spans: Spans
) -> None:
    missing = client.channel(server.target).unary_unary("/shop.Orders/Missing")
    with pytest.raises(grpc.RpcError):
        as_stranger(lambda: missing(b""))
    tags = served(spans)["tags"]
    assert (tags["grpc.status_code"], tags["grpc.message"]) == ("12", "Method not found!")
    assert tags["grpc.path"] == "/shop.Orders/Missing"


def test_interceptors_are_called_in_their_order(call: Call, server: Server, spans: Spans) -> None:
    call("ok")
    assert server.service.order == ["outer", "inner"]
    served(spans)


def test_calls_at_the_same_time_do_not_mix(call: Call, kind: str, spans: Spans) -> None:
    def one(number: int) -> None:
        parent = ("traceparent", f"00-{number + 1:032x}-{number + 1:016x}-01")
        call(f"out {kind}", parent, ("x-request-id", f"call-{number}"))

    with ThreadPoolExecutor(50) as pool:
        list(pool.map(one, range(50)))
    found: dict[str, list[Record]] = {}
    for span in spans.exactly(150):
        found.setdefault(span["trace_id"], []).append(span)
    assert len(found) == 50
    for trace_id, (first, second, third) in found.items():
        assert first["parent_id"] == trace_id[-16:]
        assert (second["parent_id"], third["parent_id"]) == (first["span_id"], second["span_id"])
        number = int(trace_id, 16) - 1
        assert first["tags"]["guid:x-request-id"] == f"call-{number}"
        assert third["tags"]["guid:x-request-id"] == f"call-{number}"


def test_excluded_calls_are_not_recorded_but_propagate(
    call: Call, server: Server, kind: str
) -> None:
    with agent.traced(exclude=f"POST {SERVICE}*") as spans:
        call(f"out {kind}", SAMPLED)
        arrived = dict(server.service.arrivals[1])
        assert arrived["traceparent"].split("-")[1] == TRACE
        assert not [span for span in spans.records() if span["kind"] == "server"]


def test_methods_of_generated_code_are_registered(both: Everything, spans: Spans) -> None:
    """Newer generated code registers its methods; gRPC tells their authority to nobody."""
    server = grpc.server(ThreadPoolExecutor(1))
    if not hasattr(server, "add_registered_method_handlers"):
        pytest.skip("this version of grpcio knows generic handlers only")
    handler = grpc.unary_unary_rpc_method_handler(lambda request, context: request)
    server.add_registered_method_handlers("shop.Orders", {"Get": handler})
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        get = channel.unary_unary("/shop.Orders/Get", _registered_method=True)
        assert get(b"x") == b"x"
    client, served = spans.exactly(2)
    assert served["parent_id"] == client["span_id"]
    assert served["tags"]["grpc.path"] == "/shop.Orders/Get"
    server.stop(None)


@pytest.mark.parametrize("name", ["grpc", "grpc.aio"])
def test_a_server_that_has_enough_to_do_refuses(
    name: str, both: Everything, client: Client, spans: Spans
) -> None:
    if name == "grpc.aio" and int(grpc.__version__.split(".")[1]) < 70:
        pytest.skip("older versions of grpc.aio let calls wait")
    release = threading.Event()

    class Handler(grpc.GenericRpcHandler):  # type: ignore[misc, name-defined]
        def service(self, details: Any) -> Any:
            if name == "grpc":
                return grpc.unary_unary_rpc_method_handler(hold)
            return grpc.unary_unary_rpc_method_handler(hold_async)

    def hold(request: bytes, context: Any) -> bytes:
        release.wait(agent.PATIENCE)
        return request

    async def hold_async(request: bytes, context: Any) -> bytes:
        await asyncio.to_thread(release.wait, agent.PATIENCE)
        return request

    async def started() -> tuple[Any, int]:
        server = grpc.aio.server(handlers=(Handler(),), maximum_concurrent_rpcs=1)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        return server, port

    if name == "grpc":
        server = grpc.server(ThreadPoolExecutor(1), (Handler(),), maximum_concurrent_rpcs=1)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
    else:
        server, port = both.loop.run(started())
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary("/shop.Orders/Get")
        futures = as_stranger(lambda: [call.future(b"x") for _ in range(2)])
        # The one that is refused comes back first.
        tags = served(spans)["tags"]
        assert (tags["grpc.status_code"], tags["error"]) == ("8", "true")
        release.set()
        assert [future.exception() is None for future in futures].count(True) == 1
    spans.exactly(2)
    stopped = server.stop(None)
    if name == "grpc.aio":
        both.loop.run(stopped)


def test_tags_are_made_of_the_metadata_of_the_answer(
    server: Server, client: Client, kind: str
) -> None:
    values = {"by": "%RESP(I)%", "first": "%TRAILER(T)%", "raw": "%TRAILER(T-BIN)%"}
    tags = [{"tag": tag, "value": value} for tag, value in values.items()]
    with agent.traced(custom_tags=json.dumps(tags)) as spans:
        as_stranger(lambda: client.send(server.target, kind, "trailing", metadata=[SAMPLED]))
        made = served(spans)["tags"]
    assert {tag: made[tag] for tag in values} == {"by": "1", "first": "1", "raw": "/w"}


NAMED = json.dumps([{"match": {"prefix": "/"}, "decorator": {"operation": "ours"}}])


@pytest.mark.parametrize("message", ["ok", "trailing", "abort 5", "set 5", "raise"])
@pytest.mark.parametrize("sampled", [SAMPLED, UNSAMPLED])
def test_the_answer_tells_the_name_and_the_id_of_the_request(
    sampled: tuple[str, str], message: str, server: Server, client: Client, kind: str
) -> None:
    """The program's own metadata of these names gives way."""
    told: Any = None

    def call() -> None:
        nonlocal told
        metadata = [sampled, ("x-request-id", REQUEST_ID)]
        answer = client.callable(server.target, kind)
        data = message.encode()
        request = iter([data, data]) if kind.startswith("stream") else data
        try:
            if kind.endswith("unary"):
                _, told = answer.with_call(request, metadata=metadata)
            else:
                told = answer(request, metadata=metadata)
                list(told)
        except grpc.RpcError as error:
            told = told or error

    settings = {"routes": NAMED, "always_set_request_id_in_response": "1"}
    with agent.traced(**settings) as spans:
        as_stranger(call)
        spans.wait(sampled is SAMPLED)
    assert agent.failures() == {}
    initial = [tuple(pair) for pair in told.initial_metadata()]
    assert initial.count(("x-envoy-decorator-operation", "ours")) == 1
    assert initial.count(("x-request-id", REQUEST_ID)) == 1
    own = [("i", "1")] if message == "trailing" else []
    assert [pair for pair in initial if not pair[0].startswith("x-")] == own


def test_verbose_spans_have_the_instants(server: Server, client: Client, kind: str) -> None:
    with agent.traced(verbose="1") as spans:
        as_stranger(lambda: client.send(server.target, kind, "ok", metadata=[SAMPLED]))
        span = served(spans)
    assert [event["name"] for event in span["events"]] == [
        "last_downstream_rx_byte_received",
        "first_downstream_tx_byte_sent",
        "last_downstream_tx_byte_sent",
    ]
    times = [int(event["time"]) for event in span["events"]]
    assert times == sorted(times)
