"""The other end of a gRPC call, in a process of its own that nothing traces.

`python -m benchmarks.grpc_peer serve` prints its port and answers until its input ends;
`python -m benchmarks.grpc_peer call PORT KIND` makes one call for each byte of its input, and
writes one when that is answered.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from benchmarks.inbound import metadata
from benchmarks.variants import NOTHING, ROOT

SERVICE, METHOD = "shop.Orders", "Get"
PATH = f"/{SERVICE}/{METHOD}"


def peer(*arguments: str) -> subprocess.Popen[bytes]:
    """Starts the other end."""
    return subprocess.Popen(
        (sys.executable, "-m", "benchmarks.grpc_peer", *arguments),
        cwd=ROOT,
        env=NOTHING.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    )


def handlers(method: Any) -> Any:
    """The service, whose messages are bytes."""
    return grpc.method_handlers_generic_handler(
        SERVICE, {METHOD: grpc.unary_unary_rpc_method_handler(method)}
    )


def _serve() -> None:
    server = grpc.server(ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers((handlers(lambda request, context: request),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    sys.stdin.read()


def _call(port: str, kind: str) -> None:
    sent = metadata(kind)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary(PATH)
        while os.read(0, 1):
            call(b"42", metadata=sent)
            os.write(1, b".")


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        _serve()
    else:
        _call(*sys.argv[2:])
