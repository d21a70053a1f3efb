"""An upstream of HTTP/2 with prior knowledge: it keeps the headers of every stream."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h2.config
import h2.connection
import h2.events

from tests.contract.wire import HOST, PATIENCE_OF_UPSTREAM

Headers = list[tuple[str, str]]


class Upstream:
    """What arrived, a list of headers a stream."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.arrivals: list[Headers] = []

    def url(self, path: str) -> str:
        """The address of a path."""
        return f"http://{HOST}:{self.port}{path}"


class _Handler(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        self.request.settimeout(PATIENCE_OF_UPSTREAM)
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        connection = h2.connection.H2Connection(config)
        connection.initiate_connection()
        self.request.sendall(connection.data_to_send())
        while received := self.request.recv(65536):
            for event in connection.receive_data(received):
                if isinstance(event, h2.events.RequestReceived):
                    self._answer(connection, event)
            self.request.sendall(connection.data_to_send())

    def _answer(self, connection: Any, event: Any) -> None:
        self.server.upstream.arrivals.append(list(event.headers))
        if dict(event.headers)[":path"] == "/reset":
            connection.reset_stream(event.stream_id)
            return
        connection.send_headers(event.stream_id, [(":status", "200")])
        connection.send_data(event.stream_id, b"hello", end_stream=True)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    upstream: Upstream


@contextmanager
def serving() -> Iterator[Upstream]:
    """Runs the upstream."""
    with _Server((HOST, 0), _Handler) as server:
        server.upstream = Upstream(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server.upstream
        finally:
            server.shutdown()
            thread.join()
