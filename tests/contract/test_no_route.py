"""`NR`: the framework has no route for what it is asked. The program may answer 404 as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bottle
import cherrypy
import django.http
import django.urls
import falcon
import falcon.asgi
import fastapi
import flask
import litestar
import pyramid.httpexceptions
import pytest
import quart
import starlette.applications
import starlette.exceptions
import starlette.routing
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from pyramid.config import Configurator

from tests.contract import agent, calls, test_starlette
from tests.contract.application import Application, application
from tests.contract.servers import launched
from tests.contract.wsgi_frameworks import Urls, configure_django, expose

# The answer to `/own` is the program's, and so is that to anything at all below `/mine`.
Ask = Callable[[str], None]


def by_wsgi(app: Any) -> Ask:
    """Asks an application of WSGI by hand."""
    return lambda path: _asked(app, path)


def _asked(app: Application, path: str) -> None:
    body = app(calls.environ_of({}, path), calls.start_response)
    for _ in body:
        pass
    getattr(body, "close", lambda: None)()


def by_asgi(app: Any) -> Ask:
    """Asks an application of ASGI by hand."""

    def ask(path: str) -> None:
        test_starlette.get(app, path)

    return ask


def of_flask() -> Ask:
    app = flask.Flask("shop")
    app.add_url_rule("/own", "own", lambda: ("none", 404))
    return by_wsgi(app)


def of_quart() -> Ask:
    app = quart.Quart("shop")

    async def own() -> tuple[str, int]:
        return "none", 404

    app.add_url_rule("/own", "own", own)
    return by_asgi(app)


def _urls() -> Urls:
    def own(request: Any) -> Any:
        raise django.http.Http404

    urls = Urls(django.urls.path("own", own))
    configure_django(urls)
    return urls


def of_django() -> Ask:
    _urls()
    return by_wsgi(WSGIHandler())


def of_django_asgi() -> Ask:
    _urls()
    return by_asgi(ASGIHandler())


def of_falcon() -> Ask:
    class Own:
        def on_get(self, req: Any, resp: Any, **kwargs: Any) -> None:
            raise falcon.HTTPNotFound

    app = falcon.App()
    app.add_route("/own", Own())
    app.add_sink(Own().on_get, "/mine")
    return by_wsgi(app)


def of_falcon_asgi() -> Ask:
    class Own:
        async def on_get(self, request: Any, response: Any) -> None:
            raise falcon.HTTPNotFound

    app = falcon.asgi.App()
    app.add_route("/own", Own())
    return by_asgi(app)


def of_bottle() -> Ask:
    app = bottle.Bottle()
    app.route("/own", callback=lambda: bottle.abort(404))
    return by_wsgi(app)


def of_pyramid() -> Ask:
    def own(request: Any) -> Any:
        raise pyramid.httpexceptions.HTTPNotFound

    config = Configurator()
    config.add_view(own, name="own")
    config.add_route("mine", "/mine")
    config.add_view(own, route_name="mine")
    return by_wsgi(config.make_wsgi_app())


def of_cherrypy() -> Ask:
    class Shop:
        @expose
        def own(self) -> str:
            raise cherrypy.NotFound

    tree = cherrypy._cptree.Tree()
    tree.mount(Shop(), "")
    return by_wsgi(tree)


def of_starlette() -> Ask:
    async def own(request: Any) -> Any:
        raise starlette.exceptions.HTTPException(404)

    routes = [starlette.routing.Route("/own", own)]
    mounted = starlette.routing.Mount("/in", routes=routes)
    return by_asgi(starlette.applications.Starlette(routes=[*routes, mounted]))


def of_fastapi() -> Ask:
    app = fastapi.FastAPI()

    @app.get("/own")
    def own() -> None:
        raise fastapi.HTTPException(404)

    return by_asgi(app)


def of_litestar() -> Ask:
    @litestar.get("/own")
    async def own() -> None:
        raise litestar.exceptions.NotFoundException

    return by_asgi(litestar.Litestar([own]))


WAYS = [each for name, each in list(globals().items()) if name.startswith("of_")]


@pytest.mark.parametrize("made", WAYS)
def test_a_framework_that_knows_no_route_is_flagged(made: Callable[[], Ask]) -> None:
    with agent.traced() as spans:
        ask = made()
        ask("/none")
        ask("/own")
        none, own = (span["tags"] for span in spans.exactly(2))
    assert (none["http.status_code"], own["http.status_code"]) == ("404", "404")
    assert (none["response_flags"], own["response_flags"]) == ("NR", "-")


@pytest.mark.parametrize(
    ("made", "path", "flags"),
    [
        (of_falcon, "/mine", "-"),
        (of_pyramid, "/mine", "-"),
        (of_starlette, "/in/own", "-"),
        (of_starlette, "/in/none", "NR"),
    ],
)
def test_what_the_program_answers_for_itself_is_not(
    made: Callable[[], Ask], path: str, flags: str
) -> None:
    with agent.traced() as spans:
        made()(path)
        assert spans.one()["tags"]["response_flags"] == flags


def test_a_method_that_is_not_allowed_is_not() -> None:
    with agent.traced() as spans:
        app = flask.Flask("shop")
        app.add_url_rule("/own", "own", lambda: "own", methods=["POST"])
        by_wsgi(app)("/own")
        tags = spans.one()["tags"]
    assert (tags["http.status_code"], tags["response_flags"]) == ("405", "-")


def test_an_application_without_routes_has_none_to_miss() -> None:
    with agent.traced() as spans:
        from autotrace.integrations import wsgi

        by_wsgi(lambda *each: wsgi.call(application, *each))("/no-such-path")
        tags = spans.one()["tags"]
    assert (tags["http.status_code"], tags["response_flags"]) == ("404", "-")


SANIC = """
import socket, sys
import sanic

app = sanic.Sanic("shop")

@app.get("/own")
async def own(request):
    raise sanic.NotFound

app.prepare(sock=socket.socket(fileno=int(sys.argv[1])), single_process=True, motd=False)
sanic.Sanic.serve_single(app)
"""


def test_sanic_that_knows_no_route_is_flagged() -> None:
    server = launched("sanic", lambda listening: ["-c", SANIC, str(listening.fileno())])
    with server.start({}) as served:
        assert served.get("/none").status == served.get("/own").status == 404
        flags = [span["tags"]["response_flags"] for span in served.finished(2)]
    assert flags == ["NR", "-"]
