"""The program that is traced, as an ASGI application, and the servers that serve it here.

The same paths as under WSGI, sent the way ASGI applications do; a stream looks for its client to
leave, since not every server has `send` say so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import fastapi as fastapi_module
import hypercorn.asyncio
import hypercorn.config
import uvicorn as uvicorn_module
import uvicorn.protocols.http.h11_impl
import uvicorn.protocols.http.httptools_impl
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from tests.contract.application import Application, application
from tests.contract.bridge import Answer, environ_of, loop_running
from tests.contract.wire import listen

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Asgi = Callable[..., Awaitable[None]]


async def _inner(request: object) -> PlainTextResponse:
    return PlainTextResponse("inner")


INNER = Starlette(routes=[Route("/nested", _inner)])


def application_of(application: Application) -> Asgi:
    """Every path of the application, and one of another framework at `/nested`."""

    async def serve(scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["path"] == "/nested":
            await INNER(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
        ]
        target = f"{scope['path']}?{scope['query_string'].decode()}"
        answer = Answer(application, environ_of(scope["method"], target, headers, body))
        try:
            await _answered(answer, receive, send)
        finally:
            answer.close()

    return serve


async def _answered(answer: Answer, receive: Receive, send: Send) -> None:
    if (body := answer.whole) is not None:
        await _begin(answer, send)
        await send({"type": "http.response.body", "body": body})
        return
    left = asyncio.ensure_future(receive())
    try:
        for chunk in answer:
            if not answer.begun:
                await _begin(answer, send)
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            # Some servers never wait, and would not be told either.
            await asyncio.sleep(0)
            if left.done():
                return
        await send({"type": "http.response.body", "body": b""})
    finally:
        left.cancel()
        with suppress(asyncio.CancelledError):
            await left


async def _begin(answer: Answer, send: Send) -> None:
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    answer.begun = True


async def _lifespan(receive: Receive, send: Send) -> None:
    for step in ("startup", "shutdown"):
        assert (await receive())["type"] == f"lifespan.{step}"
        await send({"type": f"lifespan.{step}.complete"})


def serving_by_uvicorn(app: Asgi, **options: Any) -> Callable[..., Any]:
    """What starts uvicorn in a loop; it listens before it is there."""

    async def start() -> tuple[int, Callable[[], Awaitable[object]]]:
        listening = listen()
        config = uvicorn_module.Config(app, log_level="critical", **options)
        config.timeout_graceful_shutdown = 1  # uvicorn before 0.22 takes no such argument
        server = uvicorn_module.Server(config)
        task = asyncio.ensure_future(server.serve([listening]))

        async def stop() -> None:
            server.should_exit = True
            await task

        return listening.getsockname()[1], stop

    return start


@contextmanager
def uvicorn_h11(application: Application) -> Iterator[int]:
    """uvicorn without anything that it can do without."""
    with loop_running(serving_by_uvicorn(application_of(application), http="h11")) as port:
        yield port


@contextmanager
def uvicorn_httptools(application: Application) -> Iterator[int]:
    """uvicorn as most run it."""
    with loop_running(serving_by_uvicorn(application_of(application), http="httptools")) as port:
        yield port


@contextmanager
def hypercorn_h11(application: Application) -> Iterator[int]:
    """hypercorn in a loop of asyncio."""
    app: Any = application_of(application)

    async def start() -> tuple[int, Callable[[], Awaitable[object]]]:
        listening = listen()
        port: int = listening.getsockname()[1]
        config = hypercorn.config.Config()
        # It closes the descriptor with its own socket.
        config.bind = [f"fd://{listening.detach()}"]
        config.errorlog = config.accesslog = None
        config.graceful_timeout = 0.1
        ending = asyncio.Event()
        task = asyncio.ensure_future(
            hypercorn.asyncio.serve(app, config, shutdown_trigger=ending.wait)
        )

        async def stop() -> None:
            ending.set()
            await task

        return port, stop

    with loop_running(start) as port:
        yield port


@contextmanager
def starlette(application: Application) -> Iterator[int]:
    """Starlette's own entry, under a server that does not hand it over traced."""
    app = Starlette(routes=[Mount("/", app=application_of(application))])
    with loop_running(serving_by_uvicorn(app)) as port:
        yield port


@contextmanager
def fastapi(application: Application) -> Iterator[int]:
    """FastAPI's own entry, likewise."""
    app = fastapi_module.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/", application_of(application))
    with loop_running(serving_by_uvicorn(app)) as port:
        yield port


asgi = application_of(application)
