"""The program that is traced, as an application of Tornado."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application as WebApplication
from tornado.web import RequestHandler

from tests.contract.application import Application
from tests.contract.bridge import Answer, environ_of, loop_running
from tests.contract.wire import HOST


def application_of(application: Application) -> WebApplication:
    """Every path of the application, and another application at `/nested`."""

    class Handler(RequestHandler):
        async def get(self) -> None:
            request = self.request
            assert request.method and request.uri
            answer = Answer(
                application,
                environ_of(request.method, request.uri, request.headers.get_all(), request.body),
            )
            try:
                await _answered(self, answer)
            finally:
                answer.close()

        head = post = get

    class Nested(RequestHandler):
        def get(self) -> None:
            self.write("inner")

        head = post = get

    return WebApplication([("/nested", WebApplication([("/nested", Nested)])), ("/.*", Handler)])


async def _answered(handler: RequestHandler, answer: Answer) -> None:
    body = answer.whole
    if body is not None:
        _begin(handler, answer)
        if body:
            handler.write(body)
        return
    for chunk in answer:
        if not answer.begun:
            _begin(handler, answer)
            answer.begun = True
        handler.write(chunk)
        await handler.flush()


def _begin(handler: RequestHandler, answer: Answer) -> None:
    handler.set_status(answer.status, answer.reason)
    for name, value in answer.headers:
        handler.set_header(name, value)


@contextmanager
def tornado(application: Application) -> Iterator[int]:
    """Tornado's own server."""

    async def start() -> tuple[int, Callable[[], Awaitable[object]]]:
        server = HTTPServer(application_of(application))
        sockets = bind_sockets(0, HOST)
        server.add_sockets(sockets)

        async def stop() -> None:
            server.stop()
            await server.close_all_connections()

        return sockets[0].getsockname()[1], stop

    with loop_running(start) as port:
        yield port
