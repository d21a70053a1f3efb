"""aiohttp's server: routes, websockets, cancelled handlers, and how little of it is changed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from aiohttp import web
from opentelemetry import trace

from tests.contract import agent, wire
from tests.contract.agent import Spans
from tests.contract.bridge import loop_running
from tests.contract.calls import PARENT, SAMPLED, TRACE
from tests.contract.wire import HOST

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@contextmanager
def serving(server: web.Application | Handler, **options: Any) -> Iterator[int]:
    """Serves an application, or a handler by a bare server."""

    async def start() -> tuple[int, Callable[[], Awaitable[object]]]:
        runner: web.BaseRunner
        if isinstance(server, web.Application):
            runner = web.AppRunner(server, access_log=None, shutdown_timeout=1, **options)
        else:
            runner = web.ServerRunner(web.Server(cast(Any, server)), shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, HOST, 0).start()
        return runner.addresses[0][1], runner.cleanup

    with loop_running(start) as port:
        yield port


def current_span() -> str:
    """The span that a program which makes spans by hand would continue."""
    return f"{trace.get_current_span().get_span_context().span_id:016x}"


async def hello(request: web.Request) -> web.Response:
    return web.Response(text=current_span())


async def forbidden(request: web.Request) -> web.Response:
    raise web.HTTPForbidden(text="no")


async def failing(request: web.Request) -> web.Response:
    raise ZeroDivisionError("by zero")


async def socket(request: web.Request) -> web.StreamResponse:
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    async for message in ws:
        await ws.send_str(current_span() + message.data)
    return ws


def shop() -> web.Application:
    """An application with a bit of everything, some of it in another one."""
    inner = web.Application()
    inner.router.add_get("/item/{number:[0-9]+}", hello)
    app = web.Application()
    app.add_subapp("/shop", inner)
    app.router.add_get("/plain", hello)
    app.router.add_get("/forbidden", forbidden)
    app.router.add_get("/failing", failing)
    app.router.add_get("/socket", socket)
    app.router.add_static("/files", "tests/contract")
    return app


@pytest.mark.parametrize(
    ("path", "route", "status"),
    [
        ("/shop/item/7", "/shop/item/{number}", "200"),
        ("/shop/item/x", None, "404"),
        ("/plain", "/plain", "200"),
        ("/forbidden", "/forbidden", "403"),
        ("/failing", "/failing", "500"),
        ("/files/wire.py", "/files", "200"),
        ("/nowhere", None, "404"),
    ],
)
def test_the_route_is_the_template_that_matched(path: str, route: str, status: str) -> None:
    with agent.traced(tags="both") as spans, serving(shop()) as port:
        reply = wire.request(port, path)
        tags = spans.one()["tags"]
    assert (tags.get("http.route"), tags["http.status_code"]) == (route, status)
    flags = "NR" if route is None else "-"
    assert (tags["response_flags"], tags["response_size"]) == (flags, str(len(reply.body)))


def test_an_error_is_told_and_an_http_exception_is_an_answer(spans: Spans) -> None:
    with serving(shop()) as port:
        wire.request(port, "/failing")
        wire.request(port, "/forbidden")
        failed, answered = spans.exactly(2)
    assert failed["status_message"] == "ZeroDivisionError: by zero"
    assert (answered["status"], answered["status_message"]) == ("unset", "")


def test_a_middleware_sees_what_it_sees_without_the_agent(spans: Spans) -> None:
    seen: list[Any] = []

    @web.middleware
    async def mending(request: web.Request, handler: Handler) -> web.StreamResponse:
        seen.append((type(request), dict(request.headers), list(request.app.middlewares)))
        try:
            return await handler(request)
        except ZeroDivisionError as error:
            seen.append(error.args)
            return web.Response(status=409)

    app = shop()
    app.middlewares.append(mending)
    with serving(app) as port:
        assert wire.request(port, "/failing").status == 409
        assert spans.one()["tags"].get("error") is None
    kind, headers, middlewares = seen[0]
    assert (kind, headers) == (web.Request, {"Host": f"{HOST}:{port}", "Connection": "close"})
    assert middlewares == [mending] and seen[1] == ("by zero",)


def test_the_span_of_a_websocket_is_its_handshake(spans: Spans) -> None:
    """It is over at once; what happens later is caused by it all the same."""
    upgrade = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ]
    with serving(shop()) as port, wire.connect(port) as connection:
        wire.send(connection, "/socket", [*upgrade, *SAMPLED.items()])
        with connection.makefile("rb") as stream:
            assert b" 101 " in stream.readline()
            wire.read_headers(stream)
            span = spans.one()
            # A masked frame of one letter, and an unmasked one with the answer.
            connection.sendall(b"\x81\x81\0\0\0\0!")
            assert stream.read(2 + 17)[2:].decode() == span["span_id"] + "!"
        connection.sendall(b"\x88\x80\0\0\0\0")
    assert span["parent_id"] == PARENT
    tags = span["tags"]
    assert [tags[k] for k in ("http.status_code", "response_size", "response_flags")] == [
        "101",
        "0",
        "-",
    ]


def _waiting(cancelled: asyncio.Event) -> web.Application:
    async def wait(request: web.Request) -> web.Response:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"here")
        try:
            await asyncio.sleep(60)
        finally:
            cancelled.set()
        raise AssertionError("nobody waits that long")

    app = web.Application()
    app.router.add_get("/", wait)
    return app


def test_a_handler_that_is_cancelled_since_its_client_left(spans: Spans) -> None:
    cancelled = asyncio.Event()
    with serving(_waiting(cancelled), handler_cancellation=True) as port:
        with wire.connect(port) as connection:
            wire.send(connection, "/")
            while b"here" not in connection.recv(1000):
                pass
            wire.hang_up(connection)
        tags = spans.one()["tags"]
    assert (tags["response_flags"], tags["response_size"]) == ("DC", "4")
    assert "error" not in tags


def test_a_handler_that_is_cancelled_by_its_server(spans: Spans) -> None:
    cancelled = asyncio.Event()
    connection = None
    with serving(_waiting(cancelled)) as port:
        connection = wire.connect(port)
        wire.send(connection, "/")
        while b"here" not in connection.recv(1000):
            pass
    connection.close()
    assert spans.one()["tags"]["response_size"] == "4"


def test_a_bare_server_is_traced(spans: Spans) -> None:
    with serving(hello) as port:
        assert wire.request(port, "/any/path", [*SAMPLED.items()]).status == 200
        span = spans.one()
    assert (span["trace_id"], span["parent_id"]) == (TRACE, PARENT)


def test_what_is_no_request_makes_no_span(spans: Spans) -> None:
    with serving(shop()) as port:
        with wire.connect(port) as connection:
            connection.sendall(b"nonsense\r\n\r\n")
            assert b" 400 " in connection.recv(1000)
        wire.request(port, "/plain")
        assert spans.one()["tags"]["http.status_code"] == "200"


def test_headers_that_a_response_tells_are_not_the_responses_own() -> None:
    told: list[dict[str, str]] = []

    async def telling(request: web.Request) -> web.Response:
        response = web.Response(text="x")
        request.task.add_done_callback(lambda _: told.append(dict(response.headers)))
        return response

    app = web.Application()
    app.router.add_get("/", telling)
    with agent.traced(always_set_request_id_in_response="true"), serving(app) as port:
        reply = wire.request(port, "/", [("x-request-id", "mine")])
    assert dict(reply.headers)["x-request-id"] == "mine"
    assert told and "x-request-id" not in {name.lower() for name in told[0]}
