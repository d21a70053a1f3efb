"""A stock: a bare WSGI callable, asking for prices with http.client.

PORT=8002 PRICES_URL=http://127.0.0.1:8003 python stock.py
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from http.client import HTTPConnection
from socketserver import ThreadingMixIn
from typing import Any
from urllib.parse import parse_qs, urlsplit
from wsgiref.simple_server import WSGIServer, make_server

PRICES = os.environ.get("PRICES_URL", "http://127.0.0.1:8003")
SHELF = {"milk": 3, "tea": 12}


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """Answer /offers with the prices of all goods, /count with the number of one."""
    query = parse_qs(environ.get("QUERY_STRING", ""))
    path = environ["PATH_INFO"]
    if path == "/offers":
        body = ask_for_prices()
    elif path == "/count":
        body = json.dumps(SHELF.get(query.get("item", [""])[0], 0)).encode()
    elif path == "/health":
        body = b'"ok"'
    else:
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"no such page\n"]
    start_response("200 OK", [("Content-Type", "application/json")])
    return [body]


def ask_for_prices() -> bytes:
    """Return what the prices say of everything on the shelf."""
    connection = HTTPConnection(urlsplit(PRICES).netloc, timeout=10)
    try:
        connection.request("GET", "/prices?" + "&".join(f"item={name}" for name in SHELF))
        return connection.getresponse().read()
    finally:
        connection.close()


class Server(ThreadingMixIn, WSGIServer):
    """A server with a thread a request: the prices ask back while they are being asked."""

    daemon_threads = True


if __name__ == "__main__":
    port = int(os.environ.get("PORT", "8002"))
    with make_server("127.0.0.1", port, application, server_class=Server) as server:
        server.serve_forever()
