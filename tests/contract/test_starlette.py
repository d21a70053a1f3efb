"""Starlette and FastAPI: one span for whatever their machinery does, and the route they found."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import AsyncIterator, Callable
from importlib.util import find_spec
from typing import Any

import flask
import pytest
from fastapi import APIRouter, FastAPI
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.wsgi import WSGIMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from tests.contract import agent
from tests.contract.agent import Record, Spans
from tests.contract.calls import PARENT, SAMPLED, TRACE
from tests.contract.test_asgi import outcome, scope_of, socket_scope
from tests.contract.upstream import Upstream
from tests.contract.wire import HOST


def asked(app: Any, scope: dict[str, Any]) -> bytes:
    """The body that an application answers with, called as by a server that is not traced."""
    sent: list[bytes] = []
    arriving = [{"type": "http.request", "body": b"", "more_body": False}]
    if scope["type"] == "websocket":
        arriving = [{"type": "websocket.connect"}]

    over = asyncio.Event()

    async def receive() -> Any:
        if arriving:
            return arriving.pop()
        # Quart waits for it.
        await over.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))
        if message["type"] == "http.response.body" and not message.get("more_body"):
            over.set()

    asyncio.run(app(scope, receive, send))
    return b"".join(sent)


def get(app: Any, path: str, headers: dict[str, str] | None = None) -> bytes:
    """The same by the path of a GET."""
    return asked(app, scope_of(headers, path=path, raw_path=path.encode()))


async def item(request: Request) -> Response:
    return PlainTextResponse(str(request.path_params))


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


async def stream(request: Request) -> Response:
    async def body() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    return StreamingResponse(body())


async def fail(request: Request) -> Response:
    raise ZeroDivisionError("by zero")


async def refuse(request: Request) -> Response:
    raise HTTPException(409)


async def file(request: Request) -> Response:
    return FileResponse(__file__)


def blocking(request: Request) -> Response:
    return PlainTextResponse("blocking")


async def passing(request: Request, call_next: Callable[..., Any]) -> Response:
    response: Response = await call_next(request)
    return response


ROUTES = [
    Route("/item/{number:int}", item),
    Route("/stream", stream),
    Route("/fail", fail),
    Route("/refuse", refuse),
    Route("/file", file),
    Route("/blocking", blocking),
    WebSocketRoute("/socket/{name}", socket),
]


def shop() -> Starlette:
    """An application with a bit of everything, below mounts too."""
    return Starlette(
        routes=[
            *ROUTES,
            Mount("/below/{tenant}", routes=[Mount("/again", routes=ROUTES)]),
            Mount("/app", app=Starlette(routes=ROUTES)),
            Mount("/static", app=StaticFiles(directory="tests/contract")),
        ],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=passing)],
    )


ROUTED = {
    "/item/7": "/item/{number}",
    "/stream": "/stream",
    "/below/acme/again/item/7": "/below/{tenant}/again/item/{number}",
    "/app/item/7": "/app/item/{number}",
    "/app/nothing": "/app/{path}",
    "/static/test_starlette.py": "/static/{path}",
    "/item/x": None,
}


@pytest.mark.parametrize("path", ROUTED)
def test_the_route_is_the_template_through_all_mounts(path: str) -> None:
    with agent.traced(tags="otel") as spans:
        get(shop(), path)
        assert spans.one()["tags"].get("http.route") == ROUTED[path]


def test_a_websocket_has_a_route_too() -> None:
    with agent.traced(tags="otel") as spans:
        asked(shop(), {**socket_scope(), "path": "/app/socket/a"})
        tags = spans.one()["tags"]
    assert (tags["http.route"], tags["http.response.status_code"]) == ("/app/socket/{name}", 101)


@pytest.mark.parametrize(
    ("path", "ends"),
    [
        ("/item/7", ("200", "-", "")),
        ("/item/x", ("404", "NR", "")),
        ("/stream", ("200", "-", "")),
        ("/refuse", ("409", "-", "")),
        ("/file", ("200", "-", "")),
        ("/blocking", ("200", "-", "")),
    ],
)
def test_the_answer_is_what_counts(path: str, ends: tuple[str, ...], spans: Spans) -> None:
    body = get(shop(), path, SAMPLED)
    span = spans.one()
    status, flags, error = ends
    assert outcome(span) == (status, flags, str(len(body)), error)
    assert (span["trace_id"], span["parent_id"]) == (TRACE, PARENT)


def failing() -> str:
    """The reason that a server is given when the application fails."""
    with pytest.raises(Exception) as raised:
        get(shop(), "/fail")
    return f"{raised.type.__name__}: {raised.value}"


def test_a_failure_has_its_reason_and_the_page_about_it_its_size() -> None:
    reason = failing()
    with agent.traced() as spans:
        assert failing() == reason
        span = spans.one()
    assert outcome(span) == ("500", "-", "21", "true")
    # A Starlette that is older than anyio 4 lets its groups of exceptions through.
    assert reason.startswith(("ZeroDivisionError: by zero", "ExceptionGroup: "))
    assert span["status_message"] == reason


def calling(upstream: Upstream) -> Callable[[], None]:
    """What calls the upstream service."""

    def call() -> None:
        connection = http.client.HTTPConnection(HOST, upstream.port)
        connection.request("GET", "/")
        connection.getresponse().read()
        connection.close()

    return call


@pytest.mark.parametrize("headers", [SAMPLED, {"traceparent": f"00-{TRACE}-{PARENT}-00"}])
def test_a_background_task_is_caused_by_its_request(
    headers: dict[str, str], spans: Spans, upstream: Upstream
) -> None:
    """In a thread, as those that are no coroutine functions run."""

    async def later(request: Request) -> Response:
        return PlainTextResponse("now", background=BackgroundTask(calling(upstream)))

    assert get(Starlette(routes=[Route("/", later)]), "/", headers) == b"now"
    assert upstream.one().span[0] == TRACE


def test_a_wsgi_application_below_is_no_call_of_its_own(spans: Spans, upstream: Upstream) -> None:
    inner = flask.Flask("inner")
    call = calling(upstream)

    @inner.get("/hello")
    def hello() -> str:
        call()
        return "inner"

    app = Starlette(routes=[Mount("/old", app=WSGIMiddleware(inner))])
    assert get(app, "/old/hello", SAMPLED) == b"inner"
    server, client = spans.exactly(2)
    assert (server["parent_id"], client["parent_id"]) == (PARENT, server["span_id"])


def fast(**options: Any) -> FastAPI:
    """FastAPI with an included router and a sub-application."""
    router = APIRouter(prefix="/v1")

    @router.get("/item/{number}")
    async def item(number: int) -> int:
        return number

    inner = FastAPI()
    inner.include_router(router)
    app = FastAPI(**options)
    app.include_router(router, prefix="/api")
    app.mount("/app", inner)

    @app.get("/plain/{name}")
    def plain(name: str) -> str:
        return name

    app.add_route("/starlette/{name}", item_of_starlette)
    return app


async def item_of_starlette(request: Request) -> Response:
    return PlainTextResponse("item")


FAST = {
    "/api/v1/item/7": ("200", "/api/v1/item/{number}"),
    "/api/v1/item/x": ("422", "/api/v1/item/{number}"),
    "/app/v1/item/7": ("200", "/app/v1/item/{number}"),
    "/plain/x": ("200", "/plain/{name}"),
    "/starlette/x": ("200", "/starlette/{name}"),
    "/docs": ("200", "/docs"),
    "/nothing": ("404", None),
}


@pytest.mark.parametrize("path", FAST)
def test_fastapi_tells_its_route(path: str) -> None:
    with agent.traced(tags="both") as spans:
        get(fast(), path)
        tags = spans.one()["tags"]
    assert (tags["http.status_code"], tags.get("http.route")) == FAST[path]


def test_fastapi_makes_its_own_spans_with_a_provider_of_the_program_and_we_ours_once() -> None:
    """Ours is one server span all the same, and theirs is below it; calls are below theirs.

    It makes none before 0.165, and leaves the option alone.
    """
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with agent.traced() as spans:
        get(fast(telemetry={"tracer_provider": provider}), "/plain/x")
        span: Record = spans.one()
    theirs = [each for each in exporter.get_finished_spans() if each.kind.name == "SERVER"]
    parents = [
        (f"{each.parent.trace_id:032x}", f"{each.parent.span_id:016x}")
        for each in theirs
        if each.parent is not None
    ]
    makes_any = find_spec("fastapi.telemetry") is not None
    assert len(theirs) == len(parents) == makes_any
    assert parents == [(span["trace_id"], span["span_id"])] * makes_any
