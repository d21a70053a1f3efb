"""The program that is traced, as an application of aiohttp."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from aiohttp import web

from tests.contract.application import Application
from tests.contract.bridge import Answer, environ_of, loop_running
from tests.contract.wire import HOST


def application_of(application: Application) -> web.Application:
    """Every path of the application, and a sub-application at `/nested`."""

    async def handle(request: web.Request) -> web.StreamResponse:
        environ = environ_of(
            request.method, request.raw_path, request.headers.items(), await request.read()
        )
        answer = Answer(application, environ)
        try:
            return await _answered(answer, request)
        finally:
            answer.close()

    async def nested(request: web.Request) -> web.Response:
        return web.Response(text="inner")

    inner = web.Application()
    inner.router.add_get("", nested)
    app = web.Application()
    app.add_subapp("/nested", inner)
    app.router.add_route("*", "/{path:.*}", handle)
    return app


async def _answered(answer: Answer, request: web.Request) -> web.StreamResponse:
    if (body := answer.whole) is not None:
        return web.Response(
            status=answer.status, reason=answer.reason, headers=answer.headers, body=body
        )
    response: web.StreamResponse | None = None
    for chunk in answer:
        if response is None:
            response = web.StreamResponse(
                status=answer.status, reason=answer.reason, headers=answer.headers
            )
            await response.prepare(request)
            answer.begun = True
        await response.write(chunk)
    assert response is not None
    await response.write_eof()
    return response


@contextmanager
def aiohttp(application: Application) -> Iterator[int]:
    """aiohttp's own server."""

    async def start() -> tuple[int, Callable[[], Awaitable[object]]]:
        runner = web.AppRunner(application_of(application), access_log=None, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, HOST, 0).start()
        return runner.addresses[0][1], runner.cleanup

    with loop_running(start) as port:
        yield port
