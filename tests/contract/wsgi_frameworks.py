"""The program that is traced, as the view of WSGI frameworks that takes every path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar, cast

import bottle as bottle_module
import cherrypy as cherrypy_module
import django as django_module
import falcon as falcon_module
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import re_path
from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response

from tests.contract.application import Application, Environ
from tests.contract.bridge import Answer

Method = TypeVar("Method")


def expose(method: Method) -> Method:
    """Has CherryPy answer by a method."""
    cherrypy_module.expose(method)
    return method


class Steps(Iterator[bytes]):
    """The body of an answer whose head is known: its first chunk has been asked for."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._chunks = iter(answer)
        self._first: bytes | None = next(self._chunks, b"")
        answer.begun = True

    def __next__(self) -> bytes:
        first, self._first = self._first, None
        return next(self._chunks) if first is None else first

    def close(self) -> None:
        """Closes the application's body."""
        self._answer.close()


def answered(application: Application, environ: Environ) -> tuple[Answer, bytes | Steps]:
    """The head of an answer, and its body: whole, or a step after another."""
    answer = Answer(application, environ)
    body = answer.whole
    return answer, Steps(answer) if body is None else body


class Urls:
    """A URL configuration of Django that is no module."""

    def __init__(self, *urlpatterns: Any) -> None:
        self.urlpatterns = list(urlpatterns)


def configure_django(urls: Urls) -> None:
    """Configures Django as a program of one file does, but for any number of programs."""
    if not settings.configured:
        settings.configure(ALLOWED_HOSTS=["*"], LOGGING_CONFIG=None, SECRET_KEY="s")
        django_module.setup()
    settings.ROOT_URLCONF = urls


def django(application: Application) -> Application:
    """Django's own entry."""

    def view(request: HttpRequest) -> HttpResponseBase:
        answer, body = answered(application, request.META)
        made = HttpResponse if isinstance(body, bytes) else StreamingHttpResponse
        headers = dict(answer.headers)
        return made(body, status=answer.status, reason=answer.reason, headers=headers)

    configure_django(Urls(re_path("", view)))
    entry: Application = WSGIHandler()
    return entry


def falcon(application: Application) -> Application:
    """Falcon's own entry."""

    def sink(req: falcon_module.Request, resp: falcon_module.Response, **kwargs: Any) -> None:
        answer, body = answered(application, req.env)
        resp.status = f"{answer.status} {answer.reason}"
        resp.set_headers(answer.headers)
        if isinstance(body, bytes):
            resp.data = body
        else:
            resp.stream = body

    app = falcon_module.App()
    app.add_sink(sink, "/")
    return cast("Application", app)


def bottle(application: Application) -> Application:
    """Bottle's own entry."""
    app = bottle_module.Bottle()

    def view(path: str) -> bottle_module.HTTPResponse:
        answer, body = answered(application, bottle_module.request.environ)
        status = f"{answer.status} {answer.reason}"
        return bottle_module.HTTPResponse(body, status, answer.headers)

    # The page of its own tells the port.
    app.error(500)(lambda error: "broken")
    app.route("/<path:path>", ["GET", "POST"], view)
    entry: Application = app
    return entry


def pyramid(application: Application) -> Application:
    """Pyramid's own entry."""

    def view(request: Request) -> Response:
        answer, body = answered(application, request.environ)
        said = {"body": body} if isinstance(body, bytes) else {"app_iter": body}
        status = f"{answer.status} {answer.reason}"
        return Response(status=status, headerlist=[*answer.headers], **said)

    config = Configurator()
    config.add_route("everything", "/*path")
    config.add_view(view, route_name="everything")
    entry: Application = config.make_wsgi_app()
    return entry


def cherrypy(application: Application) -> Application:
    """CherryPy's own entry."""

    class Root:
        @expose
        def default(self, *path: str, **query: str) -> Any:
            answer, body = answered(application, cherrypy_module.request.wsgi_environ)
            response = cherrypy_module.response
            response.status = f"{answer.status} {answer.reason}"
            response.headers.update(answer.headers)
            response.stream = not isinstance(body, bytes)
            return body

    cherrypy_module.config.update({"environment": "embedded", "log.screen": False})
    # The application reads the body itself.
    plain = {
        "request.process_request_body": False,
        "request.show_tracebacks": False,
        # It would put a body of its own around a streamed one and never close that.
        "tools.encode.on": False,
    }
    entry: Application = cherrypy_module.Application(Root(), "", {"/": plain})
    return entry


ENTRIES = (django, falcon, bottle, pyramid, cherrypy)
