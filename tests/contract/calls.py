"""Calls by hand: what a server does with an application, one step after another."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import Any, TypeVar
from wsgiref.util import setup_testing_defaults

from autotrace.integrations import wsgi
from tests.contract.application import Application, Environ

T = TypeVar("T")

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
UNSAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-00"}


def environ_of(headers: dict[str, str] | None = None, path: str = "/in") -> Environ:
    """The environ of a GET with these headers."""
    environ: Environ = {"PATH_INFO": path, "HTTP_HOST": "shop:8000", "QUERY_STRING": ""}
    for name, value in (headers or {}).items():
        environ["HTTP_" + name.upper().replace("-", "_")] = value
    setup_testing_defaults(environ)
    environ["wsgi.errors"] = sys.stderr
    environ["wsgi.input"] = io.BytesIO()
    return environ


def start_response(status: str, headers: list[tuple[str, str]], *info: Any) -> Any:
    """A server's, which takes everything."""
    return io.BytesIO().write


def served(application: Application, environ: Environ) -> bytes:
    """The whole body of one traced call of an application."""
    body = wsgi.call(application, environ, start_response)
    try:
        return b"".join(body)
    finally:
        close = getattr(body, "close", None)
        if close is not None:
            close()


def within(function: Callable[[], T], headers: dict[str, str] | None = None) -> T:
    """Runs a function as the handler of an inbound call with these headers."""
    results: list[T] = []

    def application(environ: Environ, start_response: Any) -> list[bytes]:
        results.append(function())
        start_response("200 OK", [])
        return [b""]

    served(application, environ_of(headers))
    return results[0]
