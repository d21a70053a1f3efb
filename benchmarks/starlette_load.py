"""The program that `python -m benchmarks asgi` measures: Starlette, called as uvicorn calls it.

Nothing of it waits for anything, so that no event loop is needed and none is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from benchmarks.inbound import environ


def requests(kind: str, call: Callable[[], object]) -> Callable[[], None]:
    """What makes one request of that kind."""

    async def order(request: Request) -> PlainTextResponse:
        call()
        return PlainTextResponse(f"order {request.path_params['number']}")

    application = Starlette(routes=[Route("/orders/{number:int}", order)])
    # Views, so that each request has objects of its own as from a parser, hashed by nobody yet.
    headers = [
        (memoryview(name[5:].replace("_", "-").lower().encode()), memoryview(value.encode()))
        for name, value in environ(kind).items()
        if name.startswith("HTTP_")
    ]

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        assert message.get("status", 200) == 200, message

    def request() -> None:
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "server": ("10.1.2.3", 8080),
            "client": ("127.0.0.6", 40404),
            "scheme": "http",
            "root_path": "",
            "headers": [(bytes(name), bytes(value)) for name, value in headers],
            "state": {},
            "method": "GET",
            "path": "/orders/42",
            "raw_path": b"/orders/42",
            "query_string": b"page=2",
        }
        try:
            application(scope, receive, send).send(None)
        except StopIteration:
            return
        raise AssertionError("it waits for something")

    return request
