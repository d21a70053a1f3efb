"""What is special about aiohttp's client: attempts of its own, trace configurations, websockets."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import aiohttp
import pytest
from aiohttp import web
from multidict import CIMultiDict
from packaging.version import Version

from tests.contract import upstream as upstreams
from tests.contract import wire
from tests.contract.agent import Spans
from tests.contract.calls import SAMPLED, TRACE, UNSAMPLED, within
from tests.contract.outcomes import outcome
from tests.contract.upstream import Upstream
from tests.contract.wire import HOST

T = TypeVar("T")
Work = Callable[[aiohttp.ClientSession], Coroutine[Any, Any, T]]


def calling(work: Work[T], inbound: dict[str, str] | None = None, **kwargs: Any) -> T:
    """Runs a handler that has a session."""

    async def run() -> T:
        async with aiohttp.ClientSession(**kwargs) as session:
            return await work(session)

    return within(lambda: asyncio.run(run()), inbound or SAMPLED)


async def read(session: aiohttp.ClientSession, url: str, **kwargs: Any) -> bytes:
    """The body of a GET."""
    async with session.get(url, **kwargs) as response:
        return await response.read()


@contextmanager
def going_away(*last: bool) -> Iterator[int]:
    """Answers one request on a connection, and reads the next before it goes; then another one,
    of which it answers so many.
    """

    def serve() -> None:
        for script in ((True, False), last):
            connection, _ = listening.accept()
            with connection, connection.makefile("rb") as stream:
                for answers in script:
                    stream.readline()
                    wire.read_headers(stream)
                    if answers:
                        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with socket.create_server((HOST, 0)) as listening:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(wire.TIMEOUT)


def test_an_attempt_of_aiohttps_own_is_counted(spans: Spans) -> None:
    """It tries again where a connection that it kept is gone."""
    if not hasattr(aiohttp, "ConnectionTimeoutError"):
        pytest.skip("aiohttp tries again since 3.10")
    with going_away(True) as port:

        async def twice(session: aiohttp.ClientSession) -> list[bytes]:
            url = f"http://{HOST}:{port}/"
            return [await read(session, url), await read(session, url)]

        assert calling(twice) == [b"ok", b"ok"]
    _, *clients = spans.exactly(4)
    assert [outcome(span)[:2] for span in clients] == [("200", "-"), ("0", "UC"), ("200", "-")]
    assert [span["tags"].get("retry.count") for span in clients] == [None, None, "1"]


def test_the_last_attempt_of_aiohttps_own_is_flagged(spans: Spans) -> None:
    if not hasattr(aiohttp, "ConnectionTimeoutError"):
        pytest.skip("aiohttp tries again since 3.10")
    with going_away(False) as port:

        async def twice(session: aiohttp.ClientSession) -> None:
            url = f"http://{HOST}:{port}/"
            assert await read(session, url) == b"ok"
            with pytest.raises(aiohttp.ServerDisconnectedError):
                await read(session, url)

        calling(twice)
    _, *clients = spans.exactly(4)
    assert [outcome(span)[1] for span in clients] == ["-", "UC", "UC,URX"]


def test_a_call_after_one_that_failed_is_a_first_attempt(spans: Spans, upstream: Upstream) -> None:
    async def after(session: aiohttp.ClientSession) -> None:
        for path in ("/drop", "/ok"):
            try:
                await session.post(upstream.url(path), data=b"x")
            except aiohttp.ServerDisconnectedError:
                continue

    calling(after)
    _, *clients = spans.exactly(3)
    assert [span["tags"].get("retry.count") for span in clients] == [None, None]


@pytest.mark.parametrize("inbound", [SAMPLED, UNSAMPLED])
def test_trace_configurations_are_the_programs(
    inbound: dict[str, str], spans: Spans, upstream: Upstream
) -> None:
    told: list[str] = []

    async def start(session: Any, context: Any, params: aiohttp.TraceRequestStartParams) -> None:
        told.append(f"start {'traceparent' in params.headers}")

    async def redirect(session: Any, context: Any, params: Any) -> None:
        told.append(f"redirect {'traceparent' in params.headers}")

    async def end(session: Any, context: Any, params: aiohttp.TraceRequestEndParams) -> None:
        told.append(f"end {params.response.status}")

    theirs = aiohttp.TraceConfig()
    theirs.on_request_start.append(start)
    theirs.on_request_redirect.append(redirect)
    theirs.on_request_end.append(end)

    async def call(session: aiohttp.ClientSession) -> bytes:
        assert session.trace_configs == [theirs]
        return await read(session, upstream.url(f"/redirect?{upstream.url()}"))

    assert calling(call, inbound, trace_configs=[theirs]) == b"hello"
    assert told == ["start False", "redirect False", "end 200"]
    assert [arrival.span[0] for arrival in upstream.wait(2)] == [TRACE, TRACE]


@pytest.mark.parametrize("inbound", [SAMPLED, UNSAMPLED])
def test_what_the_program_keeps_stays_as_it_is(
    inbound: dict[str, str], spans: Spans, upstream: Upstream
) -> None:
    """A session's headers, a list of pairs, and a multidict with repeated names."""
    pairs = [("X-Many", "1"), ("X-Many", "2"), ("B3", "0"), ("b3", "0")]
    several = CIMultiDict(pairs)
    copied = {"TraceParent": inbound["traceparent"]}

    async def call(session: aiohttp.ClientSession) -> None:
        await read(session, upstream.url(), headers=pairs)
        await read(session, upstream.url(), headers=several)
        assert session.headers == copied

    before = list(pairs), list(several.items())
    calling(call, {**inbound, "b3": "0"}, headers=copied)
    assert (pairs, list(several.items())) == before
    for arrival in upstream.wait(2):
        assert arrival.values("x-many") == ["1", "2"]
        assert arrival.span[0] == TRACE and len(arrival.values("b3")) == 1


def test_a_middleware_that_sends_again_sends_another_exchange(
    spans: Spans, upstream: Upstream
) -> None:
    """With the headers of its own, each once."""
    if not hasattr(aiohttp, "ClientMiddlewareType"):
        pytest.skip("this version has no middlewares")

    async def again(request: Any, handler: Any) -> aiohttp.ClientResponse:
        (await handler(request)).release()
        response: aiohttp.ClientResponse = await handler(request)
        return response

    calling(lambda session: read(session, upstream.url()), middlewares=[again])
    _, *clients = spans.exactly(3)
    assert [a.span for a in upstream.wait(2)] == [(TRACE, span["span_id"]) for span in clients]


def test_a_handshake_of_a_websocket_is_an_exchange(spans: Spans) -> None:
    """It is over when the protocol changes, whatever is said afterwards."""
    arrived: list[Any] = []

    async def talk(request: web.Request) -> web.WebSocketResponse:
        arrived.append(dict(request.headers))
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(message.data)
        return socket

    async def run() -> None:
        application = web.Application()
        application.router.add_get("/talk", talk)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, HOST, 0)
        await site.start()
        port = runner.addresses[0][1]
        session = aiohttp.ClientSession()
        async with session, session.ws_connect(f"http://{HOST}:{port}/talk") as talking:
            spans.wait(1)
            await talking.send_str("hello")
            assert (await talking.receive()).data == "hello"
        await runner.cleanup()

    within(lambda: asyncio.run(run()), SAMPLED)
    (span,) = [span for span in spans.wait(2) if span["kind"] == "client"]
    assert outcome(span)[0] == "101"
    assert arrived[0]["traceparent"] == f"00-{TRACE}-{span['span_id']}-01"


def test_a_task_that_is_cancelled_gave_up(spans: Spans, upstream: Upstream) -> None:
    async def give_up(session: aiohttp.ClientSession) -> None:
        task = asyncio.create_task(read(session, upstream.url("/silent")))
        while not upstream.arrivals:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    calling(give_up)
    _, span = spans.exactly(2)
    assert (span["tags"]["response_flags"], span["tags"].get("error.reason")) == ("LR", None)


def test_a_download_that_is_given_up(spans: Spans, upstream: Upstream) -> None:
    async def give_up(session: aiohttp.ClientSession) -> None:
        response = await session.get(upstream.url("/stream"))
        task = asyncio.create_task(response.read())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    calling(give_up)
    upstream.release.set()
    assert outcome(spans.exactly(2)[1])[:2] == ("200", "LR")


def test_an_answer_that_is_cut_off_is_told(spans: Spans, upstream: Upstream) -> None:
    async def call(session: aiohttp.ClientSession) -> None:
        with pytest.raises(aiohttp.ClientPayloadError):
            await read(session, upstream.url("/cut"))

    calling(call)
    assert outcome(spans.exactly(2)[1]) == ("200", "UC", "true", "error")


def test_a_session_that_waits_for_a_connection_gives_up(spans: Spans, upstream: Upstream) -> None:
    async def call(session: aiohttp.ClientSession) -> None:
        first = await session.get(upstream.url("/stream"))
        with pytest.raises(asyncio.TimeoutError):
            await read(session, upstream.url(), timeout=aiohttp.ClientTimeout(connect=0.05))
        first.close()

    async def run() -> None:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
            await call(session)

    within(lambda: asyncio.run(run()), SAMPLED)
    upstream.release.set()
    # Before, the timeout is only known above the connector, which is cancelled.
    flag = "UF" if Version(aiohttp.__version__) >= Version("3.10.11") else "LR"
    assert [outcome(span)[:2] for span in spans.exactly(3)[1:]] == [("200", "-"), ("0", flag)]


def test_a_call_leaves_nothing_behind(spans: Spans, upstream: Upstream) -> None:
    async def call(session: aiohttp.ClientSession) -> None:
        response = await session.get(upstream.url())
        await response.read()
        assert not [name for name in vars(response) if "autotrace" in name]
        del response

    calling(call)
    gc.collect()
    assert len(spans.exactly(2)) == 2


def test_a_redirect_to_a_host_that_refuses(spans: Spans, upstream: Upstream) -> None:
    with upstreams.refusing() as port:

        async def call(session: aiohttp.ClientSession) -> None:
            with pytest.raises(aiohttp.ClientConnectorError):
                await read(session, upstream.url(f"/redirect?http://{HOST}:{port}/"))

        calling(call)
    _, *clients = spans.exactly(3)
    assert [outcome(span)[:2] for span in clients] == [("302", "-"), ("0", "UF")]


@pytest.mark.parametrize("name", ["connect", "send", "start"])
def test_functions_of_coroutines_are_still_ones(name: str, spans: Spans) -> None:
    for kind in (aiohttp.BaseConnector, aiohttp.ClientRequest, aiohttp.ClientResponse):
        if hasattr(kind, name):
            assert asyncio.iscoroutinefunction(getattr(kind, name))
