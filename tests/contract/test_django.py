"""Django: the route of whatever it resolves, in both protocols, and its responses as they are."""

from __future__ import annotations

import asyncio
import gc
import pickle
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import Client
from django.urls import include, path, re_path
from django.views import View
from opentelemetry import trace

from autotrace import integration
from tests.contract import agent
from tests.contract.agent import Record, Spans
from tests.contract.calls import PARENT, SAMPLED, UNSAMPLED, environ_of, start_response
from tests.contract.wsgi_frameworks import Urls, configure_django


def here() -> bytes:
    """The span that code of the program runs in, or nothing."""
    context = trace.get_current_span().get_span_context()
    return f"{context.span_id:x} ".encode() if context.is_valid else b"none "


def item(request: HttpRequest, number: int = 0) -> HttpResponse:
    return HttpResponse(str(number))


class Items(View):  # type: ignore[misc]
    def get(self, request: HttpRequest, name: str) -> HttpResponse:
        return HttpResponse(name)


async def later(request: HttpRequest) -> HttpResponse:
    await asyncio.sleep(0)
    return HttpResponse(here())


def stream(request: HttpRequest) -> StreamingHttpResponse:
    def body() -> Iterator[bytes]:
        yield here()
        yield here()

    return StreamingHttpResponse(body())


def stream_later(request: HttpRequest) -> StreamingHttpResponse:
    async def body() -> AsyncIterator[bytes]:
        yield here()
        yield here()

    return StreamingHttpResponse(body())


def fail(request: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError("by zero")


def forbidden(request: HttpRequest) -> HttpResponse:
    return HttpResponse("no", status=403)


def file(request: HttpRequest) -> FileResponse:
    return FileResponse(open(__file__, "rb"))


class Closing(HttpResponse):  # type: ignore[misc]
    """A response that counts how often it is closed."""

    closed: int

    def close(self) -> None:
        Closing.closed += 1
        super().close()


def closing(request: HttpRequest) -> HttpResponse:
    return Closing("closing")


SHOP = (
    [
        path("<int:number>/", item, name="item"),
        path("by-name/<slug:name>/", Items.as_view()),
        re_path(r"^old/(?P<number>[0-9]+)/$", item),
    ],
    "shop",
)
URLS = Urls(
    path("", item),
    path("items/", include(SHOP, namespace="eu")),
    path("later/", later),
    path("stream/", stream),
    path("stream-later/", stream_later),
    path("fail/", fail),
    path("forbidden/", forbidden),
    path("file/", file),
    path("closing/", closing),
)

# What a program asks for, and the template that Django resolved it by.
ROUTES = {
    "/": "/",
    "/items/7/": "items/<int:number>/",
    "/items/by-name/pen/": "items/by-name/<slug:name>/",
    "/items/old/7/": "items/old/(?P<number>[0-9]+)/$",
    "/later/": "later/",
    "/stream/": "stream/",
    "/stream-later/": "stream-later/",
    "/fail/": "fail/",
    "/forbidden/": "forbidden/",
    "/file/": "file/",
    "/none/": None,
}

Ask = Callable[..., tuple[int, bytes]]


def ask_wsgi(path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    """The status and body that a WSGI server gets."""
    response = WSGIHandler()(environ_of(headers, path), start_response)
    try:
        return response.status_code, b"".join(response)
    finally:
        response.close()


def ask_asgi(path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    """The status and body that an ASGI server gets."""
    pairs = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "scheme": "http"}
    scope |= {"headers": [(b"host", b"shop:8000"), *pairs], "http_version": "1.1"}
    sent: list[dict[str, Any]] = []

    async def ask() -> None:
        received = iter([{"type": "http.request", "body": b"", "more_body": False}])
        never = asyncio.Event()

        async def receive() -> dict[str, Any]:
            for message in received:
                return message
            await never.wait()
            raise AssertionError

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await ASGIHandler()(scope, receive, send)

    asyncio.run(ask())
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


@pytest.fixture(autouse=True)
def urls() -> None:
    """Django is configured, with these URLs."""
    configure_django(URLS)


@pytest.fixture(params=[ask_wsgi, ask_asgi], ids=["wsgi", "asgi"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Asks Django in one protocol and the other."""
    asking: Ask = request.param
    return asking


def attributes(span: Record) -> dict[str, str]:
    """What was told of the request."""
    tags: dict[str, str] = span["tags"]
    return tags


@pytest.mark.parametrize("path", ROUTES)
def test_the_route_is_what_was_resolved(path: str, ask: Ask) -> None:
    with agent.traced(tags="otel") as spans:
        ask(path)
        assert attributes(spans.one()).get("http.route") == ROUTES[path]


@pytest.mark.parametrize("path", ROUTES)
def test_the_answer_is_as_without_the_agent(path: str, ask: Ask) -> None:
    streams = path.startswith("/stream")
    with agent.traced():
        status, body = ask(path)
    without = ask(path)
    assert (status, b"" if streams or path == "/later/" else body) == (
        without[0],
        b"" if streams or path == "/later/" else without[1],
    )


@pytest.mark.parametrize("path", ["/later/", "/stream/", "/stream-later/"])
def test_views_and_bodies_run_within_their_request(path: str, ask: Ask, spans: Spans) -> None:
    _, body = ask(path, SAMPLED)
    span = spans.one()
    assert span["parent_id"] == PARENT
    assert {int(each, 16) for each in body.split()} == {int(span["span_id"], 16)}
    assert attributes(span)["response_size"] == str(len(body))


def test_what_a_view_raises_is_told_and_answered_for(ask: Ask, spans: Spans) -> None:
    assert ask("/fail/")[0] == 500
    span = spans.one()
    assert (span["status"], span["status_message"]) == ("error", "ZeroDivisionError: by zero")
    assert attributes(span)["http.status_code"] == "500"


@pytest.mark.parametrize(("path", "status"), [("/none/", 404), ("/forbidden/", 403)])
def test_what_is_refused_is_no_error(path: str, status: int, ask: Ask, spans: Spans) -> None:
    assert ask(path)[0] == status
    span = spans.one()
    assert (span["status"], span["status_message"]) == ("unset", "")


@pytest.mark.parametrize("headers", [SAMPLED, UNSAMPLED])
def test_a_handler_returns_the_response_of_django(headers: dict[str, str], spans: Spans) -> None:
    """Whoever calls it by hand finds an `HttpResponse`, and may do with it what he likes."""
    response = WSGIHandler()(environ_of(headers, "/items/7/"), start_response)
    assert type(response) is HttpResponse
    assert (response.status_code, bytes(response).partition(b"\r\n\r\n")[2]) == (200, b"7")
    assert list(response) == list(response) == [b"7"]
    response.close()
    assert list(response) == [b"7"]
    assert pickle.loads(pickle.dumps(response)).content == b"7"
    assert len(spans.wait(headers is SAMPLED)) == (headers is SAMPLED)


def test_a_response_that_nobody_closes_ends_its_span(spans: Spans) -> None:
    response = WSGIHandler()(environ_of(SAMPLED, "/items/7/"), start_response)
    assert not spans
    del response
    gc.collect()
    assert attributes(spans.one())["response_flags"] == "-"


@pytest.mark.parametrize("headers", [SAMPLED, UNSAMPLED])
def test_a_response_is_closed_once(headers: dict[str, str], spans: Spans) -> None:
    Closing.closed = 0
    ask_wsgi("/closing/", headers)
    assert Closing.closed == 1


def test_the_test_client_calls_views_without_an_entry(spans: Spans) -> None:
    client = Client()
    response = client.get("/items/7/", headers=SAMPLED)
    assert (response.content, response.resolver_match.route) == (b"7", "items/<int:number>/")
    with pytest.raises(ZeroDivisionError):
        client.get("/fail/")
    # What it is asked within a request is no route of that.
    assert integration.served_call() is None and not spans
