"""The program that is traced, as a handler of frameworks with handlers of their own.

The same paths as under WSGI: the handler of a framework asks for one step after another, and sends
each the way handlers of that framework do.
"""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

from tests.contract.application import Application, Environ
from tests.contract.wire import TIMEOUT


def environ_of(
    method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes
) -> Environ:
    """What the application is told of a request."""
    path, _, query = target.partition("?")
    environ: Environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": unquote(path, "latin-1"),
        "QUERY_STRING": query,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    for name, value in headers:
        environ["HTTP_" + name.upper().replace("-", "_")] = value
    return environ


class Answer:
    """What the application answers. `begun` is set when the head was sent, which is then final."""

    def __init__(self, application: Application, environ: Environ) -> None:
        self.begun = False
        self.status = 0
        self.reason = ""
        self.headers: list[tuple[str, str]] = []
        self._written: list[bytes] = []
        self._body = application(environ, self._start_response)

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], info: Any = None
    ) -> Callable[[bytes], object]:
        if info and self.begun:
            raise info[1].with_traceback(info[2])
        code, _, self.reason = status.partition(" ")
        self.status = int(code)
        self.headers = headers
        return self._written.append

    @property
    def whole(self) -> bytes | None:
        """The body, if all of it is there already."""
        if not isinstance(self._body, (list, tuple)):
            return None
        return b"".join([*self._written, *self._body])

    def __iter__(self) -> Iterator[bytes]:
        """The chunks of the body; the head is known from the first one on."""
        for chunk in self._body:
            yield from self._written
            self._written.clear()
            yield chunk

    def close(self) -> None:
        """Closes the body, as a server does."""
        close = getattr(self._body, "close", None)
        if close is not None:
            close()


Stop = Callable[[], Awaitable[object]]


@contextmanager
def loop_running(start: Callable[[], Awaitable[tuple[int, Stop]]]) -> Iterator[int]:
    """Runs a server in the event loop of a thread: `start` gives its port and what stops it."""
    loop = asyncio.new_event_loop()

    async def began() -> tuple[int, Stop]:
        return await start()

    async def ended(stop: Stop) -> None:
        await stop()

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        port, stop = asyncio.run_coroutine_threadsafe(began(), loop).result(TIMEOUT)
        try:
            yield port
        finally:
            asyncio.run_coroutine_threadsafe(ended(stop), loop).result(TIMEOUT)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(TIMEOUT)
        loop.close()
