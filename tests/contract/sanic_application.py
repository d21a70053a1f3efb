"""The program that is traced, as an application of Sanic: `python -m ... DESCRIPTOR` serves it.

In a process of its own, since Sanic compiles itself for the first application that it serves.
"""

from __future__ import annotations

import socket
import sys
from typing import Any

import sanic
from sanic.response import HTTPResponse

from tests.contract.application import Application, application
from tests.contract.bridge import Answer, environ_of

METHODS = ["GET", "HEAD", "POST"]


def application_of(application: Application) -> Any:
    """Every path of the application, and a blueprint at `/nested`."""
    app = sanic.Sanic("contract", configure_logging=False)
    app.config.ACCESS_LOG = False
    inner = sanic.Blueprint("inner", url_prefix="/nested")

    async def handle(request: sanic.Request, path: str = "") -> HTTPResponse | None:
        environ = environ_of(
            request.method,
            request.raw_url.decode("latin-1"),
            request.headers.items(),
            request.body,
        )
        answer = Answer(application, environ)
        try:
            return await _answered(answer, request)
        finally:
            answer.close()

    async def nested(request: sanic.Request) -> HTTPResponse:
        return HTTPResponse("inner")

    inner.add_route(nested, "/", methods=METHODS)
    app.blueprint(inner)
    app.add_route(handle, "/<path:path>", methods=METHODS)
    return app


async def _answered(answer: Answer, request: sanic.Request) -> HTTPResponse | None:
    body = answer.whole
    if body is not None:
        return HTTPResponse(body, answer.status, dict(answer.headers))
    response = None
    for chunk in answer:
        if response is None:
            response = await request.respond(status=answer.status, headers=dict(answer.headers))
            answer.begun = True
        await response.send(chunk)
    assert response is not None
    await response.eof()
    return None


if __name__ == "__main__":
    app = application_of(application)
    # One process, as it is: by default Sanic starts others and watches them.
    app.prepare(sock=socket.socket(fileno=int(sys.argv[1])), single_process=True, motd=False)
    sanic.Sanic.serve_single(app)
