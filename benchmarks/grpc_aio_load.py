"""The program of `python -m benchmarks asgi` that is a gRPC server of coroutines."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

import grpc.aio

from benchmarks.grpc_peer import handlers, peer


def requests(kind: str, call: Callable[[], object]) -> Callable[[], None]:
    """What has the peer make one call."""
    loop = asyncio.new_event_loop()

    async def order(request: bytes, context: Any) -> bytes:
        call()
        return request

    async def begin() -> tuple[Any, int]:
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((handlers(order),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        return server, port

    server, port = loop.run_until_complete(begin())
    caller = peer("call", str(port), kind)
    assert caller.stdin is not None and caller.stdout is not None
    ask, told = caller.stdin.fileno(), caller.stdout.fileno()
    waiting: list[asyncio.Future[None]] = []

    def answered() -> None:
        assert os.read(told, 1), "the caller failed"
        waiting.pop().set_result(None)

    loop.add_reader(told, answered)

    async def one() -> None:
        # Held here, for it is stopped when it is collected.
        assert server is not None
        waiting.append(loop.create_future())
        os.write(ask, b".")
        await waiting[0]

    return lambda: loop.run_until_complete(one())
