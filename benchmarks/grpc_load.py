"""The program of `python -m benchmarks asgi` that is a gRPC server with threads."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from benchmarks.grpc_peer import handlers, peer


def requests(kind: str, call: Callable[[], object]) -> Callable[[], None]:
    """What has the peer make one call."""

    def order(request: bytes, context: Any) -> bytes:
        call()
        return request

    server = grpc.server(ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers((handlers(order),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    caller = peer("call", str(port), kind)
    assert caller.stdin is not None and caller.stdout is not None
    ask, told = caller.stdin.fileno(), caller.stdout.fileno()

    def request() -> None:
        # Held here, for it is stopped when it is collected.
        assert server is not None
        os.write(ask, b".")
        assert os.read(told, 1), "the caller failed"

    return request
