"""The program of `python -m benchmarks asgi` that is aiohttp's server.

Its connection is handed what would come out of the socket, and what it would write is thrown away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web

from benchmarks.inbound import raw

_ANSWER = b"order 42"


class _Socket(asyncio.Transport):
    """Tells when something was written."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.6", 40404), "sockname": ("10.1.2.3", 8080)})
        self.answered: asyncio.Future[None] | None = None
        self._written = b""

    def write(self, data: Any) -> None:
        """Takes head and body at once, or from aiohttp 3.9 one after the other."""
        self._written += bytes(data)
        if self.answered is None:
            return
        if not self._written.startswith(b"HTTP/1.1 200 "):
            self.answered.set_exception(ValueError(self._written))
        elif self._written.endswith(_ANSWER):
            self.answered.set_result(None)
            self.answered, self._written = None, b""

    def is_closing(self) -> bool:
        """Never."""
        return False

    def close(self) -> None:
        """Nothing is open."""


def requests(kind: str, call: Callable[[], object]) -> Callable[[], None]:
    """What makes one request of that kind."""
    loop = asyncio.new_event_loop()

    async def order(request: web.Request) -> web.Response:
        call()
        return web.Response(text=f"order {request.match_info['number']}")

    async def begin() -> Any:
        application = web.Application()
        application.router.add_get(r"/orders/{number:\d+}", order)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        assert runner.server is not None
        return runner.server()

    connection = loop.run_until_complete(begin())
    socket = _Socket()
    loop.call_soon(connection.connection_made, socket)
    sent = raw(kind)

    async def one() -> None:
        socket.answered = answered = loop.create_future()
        connection.data_received(sent)
        await answered

    return lambda: loop.run_until_complete(one())
