"""Tornado's server: routes, its own exceptions, websockets, streams, and WSGI below it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import flask
import pytest
from opentelemetry import trace
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import (
    Application,
    FallbackHandler,
    Finish,
    HTTPError,
    MissingArgumentError,
    RequestHandler,
    stream_request_body,
)
from tornado.websocket import WebSocketHandler
from tornado.wsgi import WSGIContainer

from tests.contract import agent, wire
from tests.contract.agent import Spans
from tests.contract.bridge import loop_running
from tests.contract.calls import PARENT, SAMPLED, TRACE
from tests.contract.wire import HOST


@contextmanager
def serving(what: Any) -> Iterator[int]:
    """Serves an application, or whatever Tornado's server takes."""

    async def start() -> tuple[int, Callable[[], Awaitable[object]]]:
        server = HTTPServer(what)
        sockets = bind_sockets(0, HOST)
        server.add_sockets(sockets)

        async def stop() -> None:
            server.stop()
            await server.close_all_connections()

        return sockets[0].getsockname()[1], stop

    with loop_running(start) as port:
        yield port


def current_span() -> str:
    """The span that a program which makes spans by hand would continue."""
    return f"{trace.get_current_span().get_span_context().span_id:016x}"


class Item(RequestHandler):
    """Asks for the current span wherever code of a handler runs."""

    def initialize(self) -> None:
        self.seen = [current_span()]

    async def prepare(self) -> None:
        self.seen.append(current_span())

    def get(self, *args: str) -> None:
        self.write(",".join([*self.seen, current_span()]))

    def on_finish(self) -> None:
        LAST.append(current_span())


LAST: list[str] = []


class Raising(RequestHandler):
    """Raises what it is asked for."""

    def get(self, what: str) -> None:
        if what == "finish":
            raise Finish("enough")
        if what == "argument":
            raise MissingArgumentError("x")
        if what == "error":
            raise HTTPError(403)
        raise ZeroDivisionError("by zero")


class Socket(WebSocketHandler):
    """Answers with the current span."""

    async def on_message(self, message: str | bytes) -> None:
        await self.write_message(current_span())


@stream_request_body
class Upload(RequestHandler):
    """Takes a body piece by piece."""

    def initialize(self) -> None:
        self.size = 0

    def data_received(self, chunk: bytes) -> None:
        self.size += len(chunk)

    def post(self) -> None:
        self.write(str(self.size))


def wsgi_application(environ: Any, start_response: Any) -> Iterable[bytes]:
    """An application of no framework."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [current_span().encode()]


def shop() -> Application:
    """An application with a bit of everything, some of it in another one."""
    inner = flask.Flask("inner")
    inner.add_url_rule("/flask", "flask", lambda: "inner")
    return Application(
        [
            (r"/item/([0-9]+)", Item),
            (r"/raise/(\w+)", Raising),
            (r"/socket", Socket),
            (r"/upload", Upload),
            (r"/flask", FallbackHandler, {"fallback": WSGIContainer(inner)}),
            (r"/shop/.*", Application([(r"/shop/item/(?P<number>[0-9]+)", Item)])),
        ]
    )


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


@pytest.mark.parametrize(
    ("path", "route", "status"),
    [
        ("/item/7", "/item/([0-9]+)", "200"),
        ("/item/x", None, "404"),
        ("/raise/error", r"/raise/(\w+)", "403"),
        ("/raise/argument", r"/raise/(\w+)", "400"),
        ("/raise/finish", r"/raise/(\w+)", "200"),
        ("/raise/other", r"/raise/(\w+)", "500"),
        ("/flask", "/flask", "200"),
    ],
)
def test_the_route_is_the_pattern_that_matched(path: str, route: str, status: str) -> None:
    with agent.traced(tags="both") as spans, serving(shop()) as port:
        reply = wire.request(port, path)
        span = spans.one()
    tags = span["tags"]
    assert (tags.get("http.route"), tags["http.status_code"]) == (route, status)
    flags = "NR" if route is None else "-"
    assert (tags["response_flags"], tags["response_size"]) == (flags, str(len(reply.body)))
    told = "ZeroDivisionError: by zero" if path == "/raise/other" else ""
    assert span["status_message"] == told


def test_the_context_is_current_wherever_a_handler_runs(spans: Spans) -> None:
    LAST.clear()
    with serving(shop()) as port:
        body = wire.request(port, "/item/7", [*SAMPLED.items()]).body.decode()
        span = spans.one()
    assert {*body.split(","), *LAST} == {span["span_id"]}
    assert (span["trace_id"], span["parent_id"]) == (TRACE, PARENT)


def test_a_body_that_is_taken_piece_by_piece_is_one_call(spans: Spans) -> None:
    with serving(shop()) as port:
        assert wire.request(port, "/upload", [], "POST", b"x" * 100_000).body == b"100000"
        assert spans.one()["tags"]["request_size"] == "100000"


def test_the_span_of_a_websocket_is_its_handshake(spans: Spans) -> None:
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
            connection.sendall(b"\x81\x81\0\0\0\0!")
            assert stream.read(2 + 16)[2:].decode() == span["span_id"]
        connection.sendall(b"\x88\x80\0\0\0\0")
    tags = span["tags"]
    assert (tags["http.status_code"], tags["response_flags"]) == ("101", "-")


def test_wsgi_by_tornado_alone_is_traced(spans: Spans) -> None:
    with serving(WSGIContainer(wsgi_application)) as port:
        body = wire.request(port, "/", [*SAMPLED.items()]).body.decode()
        span = spans.one()
    assert (span["span_id"], span["parent_id"]) == (body, PARENT)


def test_headers_that_a_response_tells_are_not_the_handlers_own() -> None:
    seen: list[list[str]] = []

    class Telling(RequestHandler):
        def get(self) -> None:
            self.write("x")

        def on_finish(self) -> None:
            seen.append([name.lower() for name in self._headers])

    app = Application([("/", Telling)])
    with agent.traced(always_set_request_id_in_response="true"), serving(app) as port:
        reply = wire.request(port, "/", [("x-request-id", "mine")])
    assert {name.lower(): value for name, value in reply.headers}["x-request-id"] == "mine"
    assert seen and "x-request-id" not in seen[0]
