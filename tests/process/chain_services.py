"""Six services, each of another framework and with another client, that call one the next.

`python chain_services.py NAME` serves one of them, which calls `NEXT`, and says its port.
Nothing here knows of tracing.
"""

import os
import socket
import sys

NEXT = os.environ.get("NEXT", "")


def flask() -> None:
    """Flask on Werkzeug's server, with requests."""
    import requests
    from flask import Flask
    from werkzeug.serving import make_server

    app = Flask("flask")

    @app.get("/")
    def index() -> str:
        return "flask " + requests.get(NEXT, timeout=20).text

    server = make_server("127.0.0.1", 0, app, threaded=True)
    say(server.server_port)
    server.serve_forever()


def starlette() -> None:
    """Starlette on uvicorn, with httpx."""
    import httpx
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def index(request: Request) -> PlainTextResponse:
        async with httpx.AsyncClient(timeout=20) as client:
            return PlainTextResponse("starlette " + (await client.get(NEXT)).text)

    listener = listening()
    app = Starlette(routes=[Route("/", index)])
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


def aiohttp() -> None:
    """aiohttp's server, with gRPC's client of coroutines."""
    from aiohttp import web
    from grpc.aio import insecure_channel

    async def index(request: web.Request) -> web.Response:
        async with insecure_channel(NEXT.removeprefix("http://").rstrip("/")) as channel:
            answer = await channel.unary_unary("/shop.Next/Ask")(b"", timeout=20)
        return web.Response(text="aiohttp " + answer.decode())

    app = web.Application()
    app.router.add_get("/", index)
    web.run_app(app, sock=listening(), print=lambda text: None)


def grpc() -> None:
    """gRPC's server, with `http.client`."""
    from concurrent.futures import ThreadPoolExecutor
    from http.client import HTTPConnection

    from grpc import (
        GenericRpcHandler,
        HandlerCallDetails,
        RpcMethodHandler,
        ServicerContext,
        server,
        unary_unary_rpc_method_handler,
    )

    def ask(request: bytes, context: ServicerContext) -> bytes:
        connection = HTTPConnection(NEXT.removeprefix("http://").rstrip("/"), timeout=20)
        connection.request("GET", "/")
        return b"grpc " + connection.getresponse().read()

    class Next(GenericRpcHandler):  # type: ignore[misc]
        def service(self, details: HandlerCallDetails) -> RpcMethodHandler | None:
            return unary_unary_rpc_method_handler(ask)

    serving = server(ThreadPoolExecutor(4), handlers=[Next()])
    say(serving.add_insecure_port("127.0.0.1:0"))
    serving.start()
    serving.wait_for_termination()


def tornado() -> None:
    """Tornado's server and client."""
    import asyncio

    from tornado.httpclient import AsyncHTTPClient
    from tornado.httpserver import HTTPServer
    from tornado.web import Application, RequestHandler

    class Index(RequestHandler):
        async def get(self) -> None:
            answer = await AsyncHTTPClient().fetch(NEXT)
            self.write("tornado " + answer.body.decode())

    async def main() -> None:
        HTTPServer(Application([("/", Index)])).add_sockets([listening()])
        await asyncio.Event().wait()

    asyncio.run(main())


def django() -> None:
    """Django on wsgiref, with urllib3."""
    from wsgiref.simple_server import make_server

    import urllib3
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.http import HttpRequest, HttpResponse
    from django.urls import path

    def index(request: HttpRequest) -> HttpResponse:
        return HttpResponse("django " + urllib3.PoolManager().request("GET", NEXT).data.decode())

    settings.configure(ROOT_URLCONF=(path("", index),), ALLOWED_HOSTS=["*"], SECRET_KEY="x")
    server = make_server("127.0.0.1", 0, get_wsgi_application())
    say(server.server_port)
    server.serve_forever()


def listening() -> socket.socket:
    """A socket at a port that is said."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    say(listener.getsockname()[1])
    return listener


def say(port: int) -> None:
    """Tells where this service is."""
    print("port:", port, flush=True)


SERVICES = (flask, starlette, aiohttp, grpc, tornado, django)

if __name__ == "__main__":
    {service.__name__: service for service in SERVICES}[sys.argv[1]]()
