"""Falcon, Bottle, Pyramid and CherryPy: the route that each found, and what was raised."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any, cast

import bottle
import cherrypy
import falcon
import falcon.asgi
import falcon.testing
import pytest
from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response

from tests.contract import agent
from tests.contract.agent import Record
from tests.contract.application import Application, Environ
from tests.contract.calls import environ_of, start_response
from tests.contract.wsgi_frameworks import expose


def falcon_shop() -> Application:
    """Falcon, with a resource and a sink."""

    class Item:
        def on_get(self, request: Any, response: Any, number: int) -> None:
            response.text = str(number)

    class Fail:
        def on_get(self, request: Any, response: Any) -> None:
            raise ZeroDivisionError("by zero")

    app = falcon.App()
    app.add_route("/items/{number:int}", Item())
    app.add_route("/fail", Fail())
    app.add_sink(lambda req, resp, **kwargs: None, "/sink")
    return cast("Application", app)


def bottle_shop() -> Application:
    """Bottle, with an application mounted in another, and one of no framework."""
    inner = bottle.Bottle()
    inner.route("/<name>", callback=lambda name: name)
    other = bottle.Bottle()
    other.route("/<name>", callback=lambda name: name)
    app = bottle.Bottle()
    app.route("/items/<number:int>", callback=lambda number: f"{number}")
    app.route("/fail", callback=lambda: 1 / 0)
    app.mount("/mounted/", inner)
    # What is no Bottle to the outer one is mounted as any application.
    app.mount("/wsgi/", other.wsgi)
    entry: Application = app
    return entry


def pyramid_shop() -> Application:
    """Pyramid, with routes below a prefix, a subrequest and traversal."""

    def item(request: Request) -> Response:
        return Response(request.matchdict["number"])

    def sub(request: Request) -> Response:
        return request.invoke_subrequest(Request.blank("/items/7"))

    def fail(request: Request) -> Response:
        raise ZeroDivisionError("by zero")

    def shop(config: Configurator) -> None:
        config.add_route("item", "/{number:[0-9]+}")
        config.add_view(item, route_name="item")

    config = Configurator()
    config.include(shop, route_prefix="/items")
    for name, view in {"sub": sub, "fail": fail}.items():
        config.add_route(name, name)
        config.add_view(view, route_name=name)
    config.add_view(lambda request: Response("view"), name="traversed")
    entry: Application = config.make_wsgi_app()
    return entry


def cherrypy_shop() -> Application:
    """CherryPy, with a tree, arguments in the path, and a node that takes some for itself."""

    class Bands:
        @expose
        def index(self, name: str = "") -> str:
            return name

        @expose
        def albums(self, title: str, name: str = "") -> str:
            return name + title

    class Shop:
        bands = cherrypy.popargs("name")(Bands)()

        @expose
        def index(self) -> str:
            return "shop"

        @expose
        def items(self, number: str, **query: str) -> str:
            return number

        @expose
        def fail(self) -> str:
            raise ZeroDivisionError("by zero")

    cherrypy.config.update({"environment": "embedded", "log.screen": False})
    tree = cherrypy._cptree.Tree()
    tree.mount(Shop(), "/shop", {"/": {"request.show_tracebacks": False}})
    entry: Application = tree
    return entry


ROUTES: list[tuple[Callable[[], Application], str, str | None]] = [
    (falcon_shop, "/items/7", "/items/{number:int}"),
    (falcon_shop, "/items/x", None),
    (falcon_shop, "/sink/x", None),
    (falcon_shop, "/fail", "/fail"),
    (bottle_shop, "/items/7", "/items/<number:int>"),
    (bottle_shop, "/items/x", None),
    (bottle_shop, "/mounted/x", "/mounted/<name>"),
    (bottle_shop, "/wsgi/x", "/wsgi/<name>"),
    (bottle_shop, "/fail", "/fail"),
    (pyramid_shop, "/items/7", "/items/{number:[0-9]+}"),
    (pyramid_shop, "/items/x", None),
    (pyramid_shop, "/sub", "/sub"),
    (pyramid_shop, "/traversed", None),
    (pyramid_shop, "/fail", "/fail"),
    (cherrypy_shop, "/shop/", "/shop"),
    (cherrypy_shop, "/shop/items/7", "/shop/items/*"),
    (cherrypy_shop, "/shop/bands/x/albums/y", "/shop/bands/*/albums/*"),
    (cherrypy_shop, "/shop/none", None),
    (cherrypy_shop, "/none", None),
    (cherrypy_shop, "/shop/fail", "/shop/fail"),
]


def asked(application: Application, environ: Environ) -> Exception | None:
    """Asks as a server does; what comes out of it."""
    body: Iterable[bytes] = ()
    try:
        body = application(environ, start_response)
        b"".join(body)
    except ZeroDivisionError as error:
        return error
    finally:
        getattr(body, "close", int)()
    return None


def one(shop: Callable[[], Application], path: str) -> tuple[Record, Exception | None]:
    """The span of one request, and what comes out of the application."""
    with agent.traced(tags="both") as spans:
        error = asked(shop(), environ_of({}, path))
        return spans.one(), error


@pytest.mark.parametrize(("shop", "path", "route"), ROUTES)
def test_the_route_is_a_template(
    shop: Callable[[], Application], path: str, route: str | None
) -> None:
    span, _ = one(shop, path)
    assert span["tags"].get("http.route") == route


@pytest.mark.parametrize("shop", [falcon_shop, bottle_shop, pyramid_shop, cherrypy_shop])
def test_what_a_view_raises_is_told(shop: Callable[[], Application]) -> None:
    """All but Pyramid answer for it themselves."""
    path = "/shop/fail" if shop is cherrypy_shop else "/fail"
    span, error = one(shop, path)
    assert (span["status"], span["tags"]["http.status_code"]) == ("error", "500")
    assert span["status_message"].startswith("ZeroDivisionError: ")
    assert (error is not None) == (shop is pyramid_shop)


@pytest.mark.parametrize("settings", [{}, {"random_sampling": "0"}, {"mode": "propagate"}])
def test_falcon_sees_headers_that_can_be_read_but_once(settings: dict[str, str]) -> None:
    """Its test client makes an iterator of them."""

    class Echo:
        async def on_get(self, req: Any, resp: Any) -> None:
            resp.text = req.get_header("x-mine")

    app = falcon.asgi.App()
    app.add_route("/echo", Echo())
    with agent.traced(tags="otel", **settings) as spans, closing(asyncio.new_event_loop()) as loop:
        asyncio.set_event_loop(loop)  # which Falcon 3 takes from the thread
        client = falcon.testing.TestClient(app)
        assert client.simulate_get("/echo", headers={"X-Mine": "1"}).text == "1"
        routes = [span["tags"]["http.route"] for span in spans.records()]
    assert routes == ([] if settings else ["/echo"])


def test_falcon_tells_what_a_websocket_raised() -> None:
    class Broken:
        async def on_websocket(self, req: Any, ws: Any) -> None:
            raise ZeroDivisionError

    async def ask() -> None:
        app = falcon.asgi.App()
        app.add_route("/broken", Broken())
        async with falcon.testing.ASGIConductor(app) as conductor:
            with pytest.raises(falcon.WebSocketDisconnected):
                async with conductor.simulate_ws("/broken"):
                    pass

    with agent.traced() as spans:
        asyncio.run(ask())
        span = spans.one()
    assert span["status_message"].startswith("ZeroDivisionError")
