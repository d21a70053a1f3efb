"""gRPC clients: one span a call that the program made, and its headers on the wire once."""

from __future__ import annotations

import asyncio
import gc
import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

grpc = pytest.importorskip("grpc")

from autotrace.context import CURRENT  # noqa: E402
from tests.contract import agent, upstream  # noqa: E402
from tests.contract.agent import Record, Spans  # noqa: E402
from tests.contract.calls import PARENT, SAMPLED, TRACE, UNSAMPLED, within  # noqa: E402
from tests.contract.grpc_calls import (  # noqa: E402
    KINDS,
    SERVICE,
    Client,
    Everything,
    Server,
    everything,
)

VERSION = tuple(int(number) for number in grpc.__version__.split(".")[:2])
STREAMS = ("unary_stream", "stream_stream")


@pytest.fixture(scope="module")
def both() -> Iterator[Everything]:
    with everything() as made:
        yield made


@pytest.fixture
def server(both: Everything) -> Server:
    server = both.servers["grpc"]
    server.service.clear()
    return server


@pytest.fixture(params=("grpc", "grpc.aio"))
def client(request: pytest.FixtureRequest, both: Everything) -> Client:
    return both.clients[request.param]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def target(server: Server) -> str:
    return server.target


def client_span(spans: Spans, count: int) -> Record:
    """The only span of a client among so many."""
    (found,) = [span for span in spans.exactly(count) if span["kind"] == "client"]
    return found


def one_call(client: Client, target: str, kind: str, message: str = "ok", **options: Any) -> Any:
    """What a call brings: its messages, or its status and details."""
    try:
        return client.send(target, kind, message, **options)
    except grpc.RpcError as error:
        return error.code(), error.details()


def test_a_call_is_one_client_span_with_envoys_fields(
    client: Client, server: Server, kind: str, spans: Spans
) -> None:
    if not client.blocking and VERSION < (1, 70):
        pytest.skip("older channels of grpc.aio do not say where they lead")
    within(lambda: one_call(client, server.target, kind), SAMPLED)
    caller, span, callee = spans.exactly(3)
    assert [caller["kind"], span["kind"], callee["kind"]] == ["server", "client", "server"]
    assert (span["trace_id"], span["parent_id"]) == (TRACE, caller["span_id"])
    assert callee["parent_id"] == span["span_id"]
    assert span["name"] == server.target and span["status"] == "unset"
    assert span["tags"] == {
        "grpc.status_code": "0",
        "http.protocol": "HTTP/2",
        "upstream_address": server.target,
        "peer.address": server.target,
        "component": "proxy",
        "upstream_cluster": "127.0.0.1",
        "upstream_cluster.name": "127.0.0.1",
        "http.status_code": "200",
        "response_flags": "-",
    }


def test_a_call_that_nobody_asked_for_begins_a_trace(
    client: Client, server: Server, kind: str, spans: Spans
) -> None:
    one_call(client, server.target, kind)
    span, callee = spans.exactly(2)
    assert span["parent_id"] == "" and callee["parent_id"] == span["span_id"]
    arrived = dict(server.service.arrivals[0])
    assert arrived["traceparent"] == f"00-{span['trace_id']}-{span['span_id']}-01"
    assert len(arrived["x-request-id"]) == 36


def test_headers_are_sent_once_and_the_metadata_of_the_caller_is_kept(
    client: Client, server: Server, kind: str, spans: Spans
) -> None:
    metadata = [
        ("a", "1"),
        ("traceparent", "mine"),
        ("a", "2"),
        ("x-bin", b"\x00\xff"),
        ("x-request-id", "mine"),
        ("x-bin", b"\x01"),
    ]
    before = list(metadata)
    within(lambda: one_call(client, server.target, kind, metadata=metadata), SAMPLED)
    assert metadata == before
    arrived = server.service.arrivals[0]
    assert [value for key, value in arrived if key == "a"] == ["1", "2"]
    # gRPC itself may put binary values of one key together.
    assert b"".join(v for k, v in arrived if k == "x-bin").replace(b",", b"") == b"\x00\xff\x01"
    span = client_span(spans, 3)
    traces = [value for key, value in arrived if key == "traceparent"]
    assert traces == [f"00-{TRACE}-{span['span_id']}-01"]
    ids = [value for key, value in arrived if key == "x-request-id"]
    assert len(ids) == 1 and ids != ["mine"]


@pytest.mark.parametrize("shape", [tuple, list, lambda pairs: grpc.aio.Metadata(*pairs)])
def test_metadata_comes_in_several_shapes(
    shape: Callable[[Any], Any], client: Client, server: Server, kind: str, spans: Spans
) -> None:
    metadata = shape([("a", "1"), ("a", "2")])
    assert one_call(client, server.target, kind, metadata=metadata) != []
    assert metadata == shape([("a", "1"), ("a", "2")])
    arrived = server.service.arrivals[0]
    assert [value for key, value in arrived if key == "a"] == ["1", "2"]
    assert "traceparent" in dict(arrived)


def test_an_unsampled_call_sends_its_headers(
    client: Client, server: Server, kind: str, spans: Spans
) -> None:
    within(lambda: one_call(client, server.target, kind), {**UNSAMPLED, "x-request-id": "theirs"})
    arrived = dict(server.service.arrivals[0])
    assert (arrived["traceparent"], arrived["x-request-id"]) == (
        UNSAMPLED["traceparent"],
        "theirs",
    )
    assert not spans


def test_in_propagate_mode_headers_go_out_byte_for_byte(
    client: Client, server: Server, kind: str
) -> None:
    headers = {"traceparent": "not ours", "x-b3-traceid": "1", "baggage": "a=b,,c", "sw8": "1-x"}
    with agent.traced(mode="propagate"):
        within(lambda: one_call(client, server.target, kind, metadata=(("b", "2"),)), headers)
    arrived = dict(server.service.arrivals[0])
    assert {key: arrived[key] for key in headers} == headers and arrived["b"] == "2"


def test_what_grpc_would_refuse_is_not_sent(client: Client, server: Server, kind: str) -> None:
    headers = {"traceparent": "a\tb", "x-request-id": "caf\xe9", "x-b3-traceid": "1"}
    with agent.traced(mode="propagate"):
        assert within(lambda: one_call(client, server.target, kind), headers)[0] == b"done"
    arrived = dict(server.service.arrivals[0])
    assert arrived["x-b3-traceid"] == "1" and "traceparent" not in arrived


@pytest.mark.parametrize(
    "bad", [("A", "1"), ("a", "caf\xe9"), ("x-bin", "text"), ("Traceparent", "")]
)
def test_what_grpc_refuses_of_the_program_it_still_refuses(
    bad: tuple[str, str], client: Client, target: str, kind: str
) -> None:
    if VERSION < (1, 80):
        pytest.skip("older versions say all metadata that they refuse, or fail to say it")

    def outcome() -> object:
        try:
            return one_call(client, target, kind, metadata=[bad])
        except Exception as error:
            # Without the addresses of objects.
            return type(error), re.sub("0x[0-9a-f]+", "", str(error))

    without = outcome()
    with agent.traced():
        assert outcome() == without


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 7, 8, 12, 13, 14, 16])
def test_a_status_from_the_server_is_told(
    code: int, client: Client, target: str, spans: Spans
) -> None:
    one_call(client, target, "unary_unary", f"abort {code}")
    tags = client_span(spans, 2)["tags"]
    assert (tags["grpc.status_code"], tags["grpc.message"]) == (str(code), "no luck")
    assert (tags["http.status_code"], tags["response_flags"]) == ("200", "-")
    assert ("error" in tags) is (code in (2, 4, 8, 12, 13, 14, 15))


def test_an_error_of_every_kind_of_call_is_told(
    client: Client, target: str, kind: str, spans: Spans
) -> None:
    assert one_call(client, target, kind, "abort 5") == (grpc.StatusCode.NOT_FOUND, "no luck")
    span = client_span(spans, 2)
    assert span["tags"]["grpc.status_code"] == "5" and span["status"] == "error"


def test_a_connection_that_is_refused_is_a_connection_failure(
    client: Client, kind: str, spans: Spans
) -> None:
    with upstream.refusing() as port:
        code, message = one_call(client, f"127.0.0.1:{port}", kind)
        assert code is grpc.StatusCode.UNAVAILABLE
        tags = client_span(spans, 1)["tags"]
    assert (tags["response_flags"], tags["http.status_code"]) == ("UF", "0")
    assert (tags["grpc.status_code"], tags["error"]) == ("14", "true")
    assert tags["error.reason"] == tags["grpc.message"] == message


def test_a_name_that_is_not_known_is_a_dns_failure(client: Client, spans: Spans) -> None:
    code, _ = one_call(client, "dns:///nowhere.invalid:1", "unary_unary")
    assert code is grpc.StatusCode.UNAVAILABLE
    span = client_span(spans, 1)
    assert span["tags"]["response_flags"] == "UF,DF"
    if client.blocking or VERSION >= (1, 70):
        assert span["name"] == "nowhere.invalid:1"


def test_a_deadline_that_passes_is_a_timeout(
    client: Client, target: str, kind: str, spans: Spans
) -> None:
    code, _ = one_call(client, target, kind, "wait", timeout=0.2)
    assert code is grpc.StatusCode.DEADLINE_EXCEEDED
    tags = client_span(spans, 2)["tags"]
    assert (tags["grpc.status_code"], tags["response_flags"]) == ("4", "UT")
    assert tags["error"] == "true"


def begun(client: Client, target: str, kind: str, message: str) -> Any:
    """A call that does not block, begun."""
    callable = client.callable(target, kind)
    data = message.encode()
    argument: Any = iter([data, data]) if kind.startswith("stream") else data
    if client.blocking:
        return getattr(callable, "future", callable)(argument)

    async def made() -> Any:
        return callable(argument)

    return client.loop.run(made())


def test_a_call_that_is_cancelled_is_canceled(
    client: Client, server: Server, kind: str, spans: Spans
) -> None:
    call = begun(client, server.target, kind, "wait")
    assert server.service.begun.acquire(timeout=agent.PATIENCE)
    if client.blocking:
        call.cancel()
    else:
        client.loop.loop.call_soon_threadsafe(call.cancel)
    tags = client_span(spans, 2)["tags"]
    assert (tags["canceled"], tags["response_flags"]) == ("true", "LR")
    assert tags["grpc.status_code"] == "1"


@pytest.mark.parametrize("kind", STREAMS)
def test_a_stream_that_is_dropped_ends_with_its_collection(
    both: Everything, server: Server, kind: str, spans: Spans
) -> None:
    """Those of grpc.aio are held by their channel, with and without the agent."""
    call = begun(both.clients["grpc"], server.target, kind, "first wait")
    assert server.service.begun.acquire(timeout=agent.PATIENCE)
    del call
    gc.collect()
    assert client_span(spans, 2)["tags"]["canceled"] == "true"


@pytest.mark.parametrize("kind", STREAMS)
def test_a_stream_ends_with_its_last_message(
    client: Client, target: str, kind: str, spans: Spans
) -> None:
    messages = []

    def open_spans() -> int:
        return len([span for span in spans.records() if span["kind"] == "client"])

    if client.blocking:
        for message in client.begin(target, kind, "ok"):
            messages.append((message, open_spans()))
    else:

        async def call() -> None:
            async for message in client.begin(target, kind, "ok"):
                messages.append((message, open_spans()))

        client.loop.run(call())
    assert [message for message, _ in messages] == [b"done", b"done"]
    assert messages[0][1] == 0
    client_span(spans, 2)


@pytest.mark.parametrize("kind", ["unary_unary", "stream_unary"])
def test_every_way_to_call_is_one_span(
    both: Everything, server: Server, kind: str, spans: Spans
) -> None:
    callable = both.clients["grpc"].callable(server.target, kind)
    argument: Any = (lambda: iter([b"ok"])) if kind == "stream_unary" else (lambda: b"ok")
    assert callable(argument()) == b"done"
    answer, call = callable.with_call(argument(), timeout=5, wait_for_ready=True)
    assert (answer, call.code()) == (b"done", grpc.StatusCode.OK)
    future = callable.future(argument(), compression=grpc.Compression.Gzip)
    assert future.result() == b"done"
    kinds = [span["kind"] for span in spans.exactly(6)]
    assert sorted(kinds) == ["client"] * 3 + ["server"] * 3
    assert len(server.service.arrivals) == 3


def test_what_is_done_after_a_call_belongs_to_its_request(
    both: Everything, server: Server, spans: Spans
) -> None:
    seen: list[object] = []

    def request() -> None:
        future = both.clients["grpc"].callable(server.target, "unary_unary").future(b"ok")
        future.add_done_callback(lambda _: seen.append(CURRENT.get()))
        future.result()

    def in_context() -> object:
        request()
        return CURRENT.get()

    # The first one starts the thread that handles events.
    hanging = both.clients["grpc"].callable(server.target, "unary_unary").future(b"wait")
    contexts = [within(in_context, SAMPLED) for _ in range(3)]
    spans.wait(9)
    assert [id(each) for each in seen] == [id(each) for each in contexts]
    hanging.cancel()


class Adding(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc, name-defined]
    """An interceptor that adds metadata and notes what it saw."""

    def __init__(self, name: str, order: list[str]) -> None:
        self.name = name
        self.order = order

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        self.order.append(f"{self.name} {[key for key, _ in details.metadata or ()]}")
        added = details._replace(metadata=[*(details.metadata or ()), (self.name, "1")])
        return continuation(added, request)


class AddingAsync(grpc.aio.UnaryUnaryClientInterceptor):  # type: ignore[misc, name-defined]
    """The same in a coroutine."""

    def __init__(self, name: str, order: list[str]) -> None:
        self.name = name
        self.order = order

    async def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        self.order.append(f"{self.name} {[key for key, _ in details.metadata]}")
        metadata = grpc.aio.Metadata(*details.metadata, (self.name, "1"))
        return await continuation(details._replace(metadata=metadata), request)


@pytest.mark.parametrize("name", ["grpc", "grpc.aio"])
def test_interceptors_see_the_programs_metadata_only(
    name: str, both: Everything, server: Server, spans: Spans
) -> None:
    order: list[str] = []
    if name == "grpc":
        channel = grpc.intercept_channel(
            both.clients["grpc"].channel(server.target), Adding("one", order), Adding("two", order)
        )
        within(lambda: channel.unary_unary(f"{SERVICE}unary_unary")(b"ok"), SAMPLED)
    else:

        async def call() -> bytes:
            interceptors = [AddingAsync("one", order), AddingAsync("two", order)]
            async with grpc.aio.insecure_channel(
                server.target, interceptors=interceptors
            ) as channel:
                answer: bytes = await channel.unary_unary(f"{SERVICE}unary_unary")(b"ok")
                return answer

        assert within(lambda: both.loop.run(call()), SAMPLED) == b"done"
    assert order == ["one []", "two ['one']"]
    arrived = dict(server.service.arrivals[0])
    assert (arrived["one"], arrived["two"]) == ("1", "1")
    span = client_span(spans, 3)
    assert arrived["traceparent"] == f"00-{TRACE}-{span['span_id']}-01"


def test_calls_at_the_same_time_do_not_mix(
    client: Client, server: Server, kind: str, spans: Spans
) -> None:
    def one(number: int) -> None:
        trace_id = f"{number + 1:032x}"
        headers = {"traceparent": f"00-{trace_id}-{PARENT}-01", "x-request-id": f"call-{number}"}
        within(lambda: one_call(client, server.target, kind), headers)

    with ThreadPoolExecutor(50) as pool:
        list(pool.map(one, range(50)))
    spans.exactly(150)
    arrived = [dict(pairs) for pairs in server.service.arrivals]
    assert len(arrived) == 50
    for pairs in arrived:
        number = int(pairs["traceparent"].split("-")[1], 16) - 1
        assert pairs["x-request-id"] == f"call-{number}"


def test_calls_of_tasks_at_the_same_time_do_not_mix(
    both: Everything, server: Server, spans: Spans
) -> None:
    callable = both.clients["grpc.aio"].callable(server.target, "unary_unary")

    async def calls() -> None:
        before = CURRENT.get()
        tasks = []
        for number in range(50):
            headers = {"traceparent": f"00-{number + 1:032x}-{PARENT}-01"}
            # A task takes the context of where it was made.
            tasks.append(within(lambda: asyncio.ensure_future(one()), headers))
        await asyncio.gather(*tasks)
        assert CURRENT.get() is before

    async def one() -> None:
        assert await callable(b"ok") == b"done"

    both.loop.run(calls())
    traces = {span["trace_id"] for span in spans.exactly(150)}
    assert traces == {f"{number + 1:032x}" for number in range(50)}


def test_grpc_trace_bin_goes_out_as_bytes(
    client: Client, kind: str, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """gRPC's servers in Python do not show it, so it is looked at before it is sent."""
    from autotrace.integrations import grpc_metadata

    sent: list[list[Any]] = []
    original = grpc_metadata.replaced

    def noting(*args: Any) -> list[Any]:
        sent.append(original(*args))
        return sent[-1]

    monkeypatch.setattr(grpc_metadata, "replaced", noting)
    arrived = "AAAK92UZFs1D3YRI6yEcgDGcAbetawpxsyAzMQIB"
    with agent.traced() as spans:
        within(lambda: one_call(client, target, kind), {"grpc-trace-bin": arrived})
        span = client_span(spans, 3)
    found = dict(sent[0])["grpc-trace-bin"]
    # Version, trace id, span id, options.
    ids = bytes.fromhex(f"{span['trace_id']}01{span['span_id']}")
    assert found == b"\x00\x00" + ids + b"\x02\x01"
    assert span["trace_id"] == TRACE


def test_nothing_binary_is_sent_unless_it_arrived(
    client: Client, kind: str, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from autotrace.integrations import grpc_metadata

    sent: list[list[Any]] = []
    original = grpc_metadata.replaced

    def noting(*args: Any) -> list[Any]:
        sent.append(original(*args))
        return sent[-1]

    monkeypatch.setattr(grpc_metadata, "replaced", noting)
    with agent.traced():
        within(lambda: one_call(client, target, kind), SAMPLED)
    assert sent and all(type(value) is str and key == key.lower() for key, value in sent[0])


def test_names_and_tags_are_made_of_the_metadata_of_the_answer(
    client: Client, server: Server, kind: str
) -> None:
    values = {"by": "%RESP(I)%", "first": "%TRAILER(T)%", "raw": "%TRAILER(T-BIN)%"}
    tags = [{"tag": tag, "value": value} for tag, value in values.items()]
    with agent.traced(custom_tags=json.dumps(tags)) as spans:
        within(lambda: one_call(client, server.target, kind, "trailing"), UNSAMPLED)
        assert spans == []
        within(lambda: one_call(client, server.target, kind, "trailing"), SAMPLED)
        span = client_span(spans, 3)
    assert span["name"] == "theirs"
    assert {tag: span["tags"][tag] for tag in values} == {"by": "1", "first": "1", "raw": "/w"}


def test_verbose_spans_have_the_instants(client: Client, server: Server, kind: str) -> None:
    with agent.traced(verbose="1") as spans:
        within(lambda: one_call(client, server.target, kind), SAMPLED)
        span = client_span(spans, 3)
    events = [event["name"] for event in span["events"]]
    if client.blocking and kind == "stream_unary":
        # Nobody sees then when the last message went out.
        events.insert(1, "last_upstream_tx_byte_sent")
    assert events == [
        "first_upstream_tx_byte_sent",
        "last_upstream_tx_byte_sent",
        "first_upstream_rx_byte_received",
        "last_upstream_rx_byte_received",
    ]


@pytest.mark.parametrize("inbound", [SAMPLED, UNSAMPLED], ids=["sampled", "unsampled"])
def test_a_host_outside_gets_the_trace_only(
    client: Client, server: Server, kind: str, inbound: dict[str, str]
) -> None:
    headers = {**inbound, "baggage": "user=alice"}
    with agent.traced(external_hosts="127.0.0.1", internal_hosts="*"):
        within(lambda: one_call(client, server.target, kind), headers)
    arrived = dict(server.service.arrivals[0])
    assert arrived["traceparent"][3:35] == TRACE and "baggage" not in arrived
