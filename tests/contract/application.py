"""The program that is traced: a WSGI application with a path for each behaviour of a server.

It knows nothing of tracing. It calls the upstream service, whose port is its query, so that what
it sends out shows what it was in the middle of.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], object]]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

TEXT = [("Content-Type", "text/plain")]
FILE = Path(__file__)

# What happened in this process, by its own accounts; files are closed after the client has them.
COUNTS: Counter[str] = Counter()
CLOSED = threading.Condition()


def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """The application."""
    return PATHS.get(environ["PATH_INFO"], missing)(environ, start_response)


def call(environ: Environ, path: str) -> None:
    """Calls the upstream service; the query is its port and what is to stand behind the path."""
    port, _, token = environ["QUERY_STRING"].partition("&")
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=10)
    try:
        connection.request("GET", f"/{path}/{token}")
        connection.getresponse().read()
    finally:
        connection.close()


def hello(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [*TEXT, ("Content-Length", "5")])
    return [b"hello"]


def missing(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("404 Not Found", [*TEXT, ("Content-Length", "7")])
    return [b"missing"]


def broken(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("500 Internal Server Error", [*TEXT, ("Content-Length", "6")])
    return (b"broken",)


def single(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Servers derive a length from a list of one."""
    start_response("200 OK", [*TEXT])
    return [b"single"]


def several(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [*TEXT])
    return [b"one, ", b"", b"two, ", b"three"]


def nothing(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("204 No Content", [])
    return []


def bare_status(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """A status without a reason phrase."""
    start_response("404 ", [*TEXT, ("Content-Length", "4")])
    return [b"bare"]


def echo(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    start_response("200 OK", [*TEXT, ("Content-Length", str(len(body)))])
    return [body]


def headers(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """The request as the application sees it."""
    names = [name for name in environ if name.startswith(("HTTP_", "QUERY", "PATH", "SCRIPT"))]
    seen = {name: environ[name] for name in sorted(names) if name != "HTTP_HOST"}
    body = json.dumps(seen).encode()
    start_response("200 OK", [*TEXT, ("Content-Length", str(len(body)))])
    return [body]


def raising(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    raise ValueError("not today")


def raising_late(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [*TEXT])
    raise ValueError("not today")


def raising_first(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
    """Fails in the body before there is any of it."""
    start_response("200 OK", [*TEXT])
    if environ:
        raise ValueError("not today")
    yield b"never"


def raising_midstream(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
    start_response("200 OK", [*TEXT, ("Content-Length", "100")])
    yield b"so far"
    raise ValueError("not today")


def generator(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [*TEXT])
    return (chunk for chunk in (b"one, ", b"two, ", b"three"))


def lazy(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
    """A response that begins at the first step of its body only."""
    start_response("202 Accepted", [*TEXT])
    yield b"lazy"


class Closing:
    """A body that wants to be closed, and calls the upstream service wherever code of it runs."""

    def __init__(self, environ: Environ) -> None:
        self._environ = environ
        self._steps = iter(("iter", "step-1", "step-2"))

    def __iter__(self) -> Iterator[bytes]:
        call(self._environ, next(self._steps))
        return self

    def __next__(self) -> bytes:
        step = next(self._steps)
        call(self._environ, step)
        return step.encode()

    def close(self) -> None:
        COUNTS["closed"] += 1
        call(self._environ, "close")


def closing(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    call(environ, "handler")
    start_response("200 OK", [*TEXT])
    return Closing(environ)


def calling(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
    """Calls out within the generator of its body."""
    call(environ, "before")
    start_response("200 OK", [*TEXT])
    yield b"one"
    call(environ, "between")
    yield b"two"


def out(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    call(environ, "handler")
    start_response("200 OK", [*TEXT, ("Content-Length", "3")])
    return [b"out"]


class File:
    """A file that notes how it is read: a server that sends it by the kernel does not."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.fileno, self.seek, self.tell = file.fileno, file.seek, file.tell
        COUNTS["open"] += 1

    def read(self, size: int = -1) -> bytes:
        COUNTS["reads"] += 1
        return self._file.read(size)

    def close(self) -> None:
        self._file.close()
        with CLOSED:
            COUNTS["open"] -= 1
            COUNTS["files closed"] += 1
            CLOSED.notify_all()


def file(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    opened = File(FILE.open("rb"))
    start_response("200 OK", [*TEXT, ("Content-Length", str(FILE.stat().st_size))])
    wrapper = environ.get("wsgi.file_wrapper")
    if wrapper is None:
        return _chunks(opened)
    body: Iterable[bytes] = wrapper(opened, 8192)
    COUNTS["not a wrapper"] += isinstance(wrapper, type) and not isinstance(body, wrapper)
    return body


def _chunks(opened: File) -> Iterator[bytes]:
    with contextlib.closing(opened):
        yield from iter(lambda: opened.read(8192), b"")


def counts(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """What has happened since it was asked last, when no file is open any more."""
    with CLOSED:
        CLOSED.wait_for(lambda: not COUNTS["open"], 5)
    body = json.dumps(COUNTS).encode()
    COUNTS.clear()
    start_response("200 OK", [*TEXT, ("Content-Length", str(len(body)))])
    return [body]


def write(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """The old way of sending a body, before the new one."""
    send = start_response("200 OK", [*TEXT])
    send(b"one, ")
    send(b"two, ")
    return [b"three"]


def endless(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
    """More than any client waits for, or any buffer holds."""
    start_response("200 OK", [*TEXT])
    for _ in range(4096):
        yield b"x" * 65536


def nested(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """A middleware around an application that is traced by itself."""
    import flask

    inner = flask.Flask("inner")
    inner.add_url_rule("/nested", "nested", lambda: "inner")
    return inner(environ, start_response)


def second_thoughts(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Begins one response and replaces it while nothing of it is sent."""
    start_response("200 OK", [*TEXT])
    try:
        raise ValueError("not today")
    except ValueError as error:
        info = type(error), error, error.__traceback__
        start_response("503 Not Today", [*TEXT, ("Content-Length", "5")], info)
    return [b"later"]


def too_late(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
    """Replaces a response that is under way: its server raises what it is told."""
    start_response("200 OK", [*TEXT, ("Content-Length", "100")])
    yield b"so far"
    try:
        raise ValueError("not today")
    except ValueError as error:
        start_response("503 Not Today", [*TEXT], (type(error), error, error.__traceback__))
    yield b"never"


PATHS: dict[str, Application] = {
    "/hello": hello,
    "/broken": broken,
    "/single": single,
    "/several": several,
    "/nothing": nothing,
    "/bare-status": bare_status,
    "/echo": echo,
    "/headers": headers,
    "/raising": raising,
    "/raising-late": raising_late,
    "/raising-first": raising_first,
    "/raising-midstream": raising_midstream,
    "/generator": generator,
    "/lazy": lazy,
    "/closing": closing,
    "/calling": calling,
    "/out": out,
    "/file": file,
    "/counts": counts,
    "/write": write,
    "/endless": endless,
    "/nested": nested,
    "/second-thoughts": second_thoughts,
    "/too-late": too_late,
    # Not recorded where a test excludes it.
    "/excluded": out,
    # Recorded always, so that a test knows that nothing else is to come.
    "/barrier": hello,
}
