"""The program that is measured: an application of a framework, called in this process.

It knows nothing of tracing. `python -m benchmarks.load --requests N` prints the nanoseconds of CPU
that N requests took, those of other threads included.
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Callable, Iterable
from http.client import HTTPConnection
from importlib import import_module
from time import process_time_ns
from typing import Any

from benchmarks.inbound import KINDS, environ, fresh
from benchmarks.mark import mark

CLIENTS = (
    *("none", "urllib3", "http.client", "requests", "httpx", "httpx-async", "aiohttp"),
    *("grpc", "grpc.aio"),
)
# framework -> the module that makes its requests
FRAMEWORKS = {
    "starlette": "starlette_load",
    "aiohttp": "aiohttp_load",
    "grpc": "grpc_load",
    "grpc.aio": "grpc_aio_load",
}
WARM_UP = 50
# Fewer than an exporter's queue takes, so that every span is delivered and paid for.
BETWEEN_FLUSHES = 500

Call = Callable[[], object]

# They end when their input does.
_peers: list[object] = []


def _caller(client: str, port: int) -> Call:
    """What the view calls: one GET over a connection that stays open."""
    url = f"http://127.0.0.1:{port}/stock/42"
    headers = {"Accept": "application/json"}
    if client == "urllib3":
        import urllib3

        pool = urllib3.PoolManager()
        return lambda: pool.request("GET", url, headers=headers)
    if client == "requests":
        import requests

        session = requests.Session()
        session.trust_env = False
        return lambda: session.get(url, headers=headers)
    if client == "httpx":
        import httpx

        blocking = httpx.Client(trust_env=False)
        return lambda: blocking.get(url, headers=headers)
    if client == "grpc":
        import grpc

        from benchmarks.grpc_peer import PATH

        stub = grpc.insecure_channel(_grpc_server()).unary_unary(PATH)
        return lambda: stub(b"42")
    if client in ("httpx-async", "aiohttp", "grpc.aio"):
        return _async_caller(client, url, headers)
    if client == "http.client":
        connection = HTTPConnection("127.0.0.1", port)

        def get() -> bytes:
            connection.request("GET", "/stock/42", headers=headers)
            return connection.getresponse().read()

        return get
    return lambda: None


def _async_caller(client: str, url: str, headers: dict[str, str]) -> Call:
    """The same by a client of coroutines, whose event loop runs while the view waits."""
    import asyncio

    loop = asyncio.new_event_loop()
    if client == "httpx-async":
        import httpx

        concurrent = httpx.AsyncClient(trust_env=False)
        return lambda: loop.run_until_complete(concurrent.get(url, headers=headers))
    if client == "grpc.aio":
        import grpc.aio

        from benchmarks.grpc_peer import PATH

        target = _grpc_server()

        async def connect() -> Any:
            return grpc.aio.insecure_channel(target).unary_unary(PATH)

        async def ask() -> object:
            return await stub(b"42")

        stub = loop.run_until_complete(connect())
        return lambda: loop.run_until_complete(ask())
    import aiohttp

    async def begin() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    async def get() -> bytes:
        async with session.get(url, headers=headers) as response:
            return await response.read()

    session = loop.run_until_complete(begin())
    return lambda: loop.run_until_complete(get())


def _grpc_server() -> str:
    """The address of a gRPC server in a process of its own."""
    from benchmarks.grpc_peer import peer

    process = peer("serve")
    assert process.stdout is not None
    _peers.append(process)
    return f"127.0.0.1:{int(process.stdout.readline())}"


def _application(call: Call) -> Callable[..., Iterable[bytes]]:
    from flask import Flask

    application = Flask("shop")

    @application.get("/orders/<int:number>")
    def order(number: int) -> str:
        call()
        return f"order {number}"

    return application


def _start_response(status: str, headers: list[tuple[str, str]], error: object = None) -> None:
    assert status == "200 OK", status


def _flask_requests(kind: str, call: Call) -> Callable[[], None]:
    """What makes one request of that kind."""
    return flask_requests(environ(kind), call)


def flask_requests(pattern: dict[str, Any], call: Call) -> Callable[[], None]:
    """What makes one request with a copy of that environ, read and closed as a server does."""
    application = _application(call)

    def request() -> None:
        body = application(fresh(pattern), _start_response)
        for _ in body:
            pass
        close = getattr(body, "close", None)
        if close is not None:
            close()

    return request


def request_of(framework: str, kind: str, client: str, port: int) -> Callable[[], None]:
    """What makes one request of that kind, within which a client calls."""
    requests = _flask_requests
    if framework in FRAMEWORKS:
        requests = import_module(f"benchmarks.{FRAMEWORKS[framework]}").requests
    return requests(kind, _caller(client, port))


def flush() -> None:
    """Has the agent in this process, whichever it is, deliver what it holds."""
    if "autotrace.integration" in sys.modules:
        sys.modules["autotrace.integration"].flush()
    elif "opentelemetry.sdk.trace" in sys.modules:
        sys.modules["opentelemetry.trace"].get_tracer_provider().force_flush()
    elif "ddtrace" in sys.modules:
        sys.modules["ddtrace"].tracer.flush()


def main() -> None:
    """Warms up, then measures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, required=True)
    parser.add_argument("--framework", choices=("flask", *FRAMEWORKS), default="flask")
    parser.add_argument("--kind", choices=KINDS, default="browser")
    parser.add_argument("--client", choices=CLIENTS, default="none")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()

    request = request_of(options.framework, options.kind, options.client, options.port)
    for _ in range(WARM_UP):
        request()
    flush()
    # What is there by now is never looked through again: whether a full collection happens to fall
    # into a run would otherwise be the largest difference of all.
    gc.collect()
    gc.freeze()
    begun = process_time_ns()
    mark()
    for number in range(options.requests):
        request()
        if number % BETWEEN_FLUSHES == BETWEEN_FLUSHES - 1:
            flush()
    flush()
    mark()
    print(process_time_ns() - begun)


if __name__ == "__main__":
    main()
