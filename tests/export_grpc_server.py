"""A loopback gRPC server, grpcio's own, that answers as a test wants and keeps what it was sent."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import grpc

PATIENCE = 20.0


class Called(NamedTuple):
    """One call: its message, unpacked but not decoded, and who made it."""

    method: str
    metadata: Mapping[str, str | bytes]
    message: bytes
    peer: str


class Answer(NamedTuple):
    """One answer; `hold` is waited for before it is given."""

    code: grpc.StatusCode = grpc.StatusCode.OK
    message: bytes = b""
    details: str = ""
    metadata: tuple[tuple[str, str | bytes], ...] = ()
    hold: threading.Event | None = None


class GrpcCollector:
    """What arrived, in order; `answers` are used up one a call, then `usual` is given."""

    def __init__(self) -> None:
        self.port = 0
        self.scheme = "http"
        self.usual = Answer()
        self.answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self.calls: queue.SimpleQueue[Called] = queue.SimpleQueue()

    @property
    def url(self) -> str:
        """Its address."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def received(self) -> Called:
        """The next call, waited for."""
        return self.calls.get(timeout=PATIENCE)

    def so_far(self) -> list[Called]:
        """All calls that have come and were not yet taken."""
        return [self.calls.get() for _ in range(self.calls.qsize())]

    def answer(self) -> Answer:
        """The answer whose turn it is."""
        try:
            return self.answers.get_nowait()
        except queue.Empty:
            return self.usual


@contextmanager
def collecting_grpc(tls: tuple[str, str] | None = None) -> Iterator[GrpcCollector]:
    """Runs a collector; `tls` names the files of a certificate and its key."""
    collector = GrpcCollector()

    def served(method: str, message: bytes, context: Any) -> bytes:
        metadata = dict(context.invocation_metadata())
        collector.calls.put(Called(method, metadata, message, context.peer()))
        answer = collector.answer()
        if answer.hold is not None:
            answer.hold.wait(PATIENCE)
        if answer.metadata:
            context.set_trailing_metadata(answer.metadata)
        if answer.code is not grpc.StatusCode.OK:
            context.abort(answer.code, answer.details)
        return answer.message

    class Everything(grpc.GenericRpcHandler):  # type: ignore[misc]
        def service(self, called: Any) -> Any:
            method = called.method
            return grpc.unary_unary_rpc_method_handler(
                lambda message, context: served(method, message, context)
            )

    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((Everything(),))
    if tls is None:
        collector.port = server.add_insecure_port("127.0.0.1:0")
    else:
        made, key = (Path(name).read_bytes() for name in tls)
        credentials = grpc.ssl_server_credentials([(key, made)])
        collector.scheme = "https"
        collector.port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    try:
        yield collector
    finally:
        server.stop(None).wait(PATIENCE)
