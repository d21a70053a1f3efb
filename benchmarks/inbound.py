"""The requests that the benchmarks send: WSGI environs as gunicorn makes them.

`browser` is what a browser sends, with nothing in it that tracing knows. `mesh` is the same behind
a sidecar: with `x-request-id`, W3C Trace Context and B3, sampled by the caller; `mesh-unsampled`
says not to sample.
"""

from __future__ import annotations

import sys
from io import BytesIO
from typing import Any

KINDS = ("browser", "mesh", "mesh-unsampled")

_SERVER: dict[str, Any] = {
    "wsgi.errors": sys.stderr,
    "wsgi.version": (1, 0),
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
    "wsgi.url_scheme": "http",
    "wsgi.input_terminated": True,
    "wsgi.file_wrapper": None,
    "gunicorn.socket": None,
    "SERVER_SOFTWARE": "gunicorn",
    "REQUEST_METHOD": "GET",
    "QUERY_STRING": "page=2",
    "RAW_URI": "/orders/42?page=2",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REMOTE_ADDR": "127.0.0.6",
    "REMOTE_PORT": "40404",
    "SERVER_NAME": "10.1.2.3",
    "SERVER_PORT": "8080",
    "PATH_INFO": "/orders/42",
    "SCRIPT_NAME": "",
    "REMOTE_HOST": "127.0.0.6",
}

_BROWSER = {
    "HTTP_HOST": "shop.example.com",
    "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "HTTP_ACCEPT": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "HTTP_ACCEPT_LANGUAGE": "en-GB,en;q=0.7,de;q=0.3",
    "HTTP_ACCEPT_ENCODING": "gzip, deflate, br, zstd",
    "HTTP_REFERER": "https://shop.example.com/orders",
    "HTTP_COOKIE": "session=eyJ1c2VyIjo0Mn0; theme=dark",
    "HTTP_CONNECTION": "keep-alive",
    "HTTP_DNT": "1",
    "HTTP_SEC_GPC": "1",
    "HTTP_UPGRADE_INSECURE_REQUESTS": "1",
    "HTTP_SEC_FETCH_DEST": "document",
    "HTTP_SEC_FETCH_MODE": "navigate",
    "HTTP_SEC_FETCH_SITE": "same-origin",
    "HTTP_SEC_FETCH_USER": "?1",
    "HTTP_PRIORITY": "u=0, i",
    "HTTP_CACHE_CONTROL": "max-age=0",
    "HTTP_PRAGMA": "no-cache",
    "HTTP_TE": "trailers",
    "HTTP_VIA": "1.1 edge",
    # The trap of small numbers: with 42 entries more or fewer, one entry of ours would make
    # Python enlarge the environ. It has room for 85 already, in every variant.
    "HTTP_X_FORWARDED_PROTO": "https",
    "HTTP_X_FORWARDED_PORT": "443",
}


def _mesh(sampled: int) -> dict[str, str]:
    return {
        "HTTP_X_FORWARDED_FOR": "203.0.113.7,10.9.8.7",
        "HTTP_X_REQUEST_ID": "b6a1f9c2-7d3e-4f10-9a52-0c1d2e3f4a5b",
        "HTTP_X_ENVOY_ATTEMPT_COUNT": "1",
        "HTTP_TRACEPARENT": f"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0{sampled}",
        "HTTP_TRACESTATE": "shop=t61rcWkgMzE",
        "HTTP_X_B3_TRACEID": "4bf92f3577b34da6a3ce929d0e0e4736",
        "HTTP_X_B3_SPANID": "00f067aa0ba902b7",
        "HTTP_X_B3_PARENTSPANID": "b7ad6b7169203331",
        "HTTP_X_B3_SAMPLED": str(sampled),
    }


def environ(kind: str) -> dict[str, Any]:
    """The environ of a request of that kind, to be copied for every request."""
    made = {**_SERVER, **_BROWSER}
    if kind != "browser":
        made |= _mesh(0 if kind == "mesh-unsampled" else 1)
    return made


def fresh(pattern: dict[str, Any]) -> dict[str, Any]:
    """An environ for one request."""
    return {**pattern, "wsgi.input": BytesIO()}


def raw(kind: str) -> bytes:
    """The same request as it comes out of a socket."""
    sent = environ(kind)
    lines = [f"{sent['REQUEST_METHOD']} {sent['RAW_URI']} {sent['SERVER_PROTOCOL']}"]
    lines += [f"{name}: {value}" for name, value in _headers(sent)]
    return "\r\n".join((*lines, "", "")).encode()


def metadata(kind: str) -> list[tuple[str, str]]:
    """The metadata of a gRPC call from the same caller, which has none of a browser's headers."""
    ours = _mesh(0 if kind == "mesh-unsampled" else 1) if kind != "browser" else {}
    return [("x-tenant", "acme"), ("authorization", "Bearer eyJ1c2VyIjo0Mn0"), *_headers(ours)]


def _headers(environ: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (key[5:].replace("_", "-").lower(), value)
        for key, value in environ.items()
        if key.startswith("HTTP_")
    ]
