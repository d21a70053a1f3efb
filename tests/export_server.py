"""A loopback HTTP server that answers as a test wants and keeps what it was sent."""

from __future__ import annotations

import gzip
import queue
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

PATIENCE = 20.0


class Received(NamedTuple):
    """One request: its body is unpacked, `client` tells connections apart."""

    path: str
    headers: dict[str, str]
    body: bytes
    client: Any


class Reply(NamedTuple):
    """One answer; `hold` is waited for before it is given."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    hold: threading.Event | None = None
    close: bool = False


class Collector:
    """What arrived, in order; `replies` are used up one a request, then `usual` is given."""

    def __init__(self, address: tuple[str, int], usual: Reply, scheme: str) -> None:
        self.host, self.port = address[:2]
        self.scheme = scheme
        self.usual = usual
        self.replies: queue.SimpleQueue[Reply] = queue.SimpleQueue()
        self.requests: queue.SimpleQueue[Received] = queue.SimpleQueue()

    @property
    def url(self) -> str:
        """The address, without a path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    def received(self) -> Received:
        """The next request, waited for."""
        return self.requests.get(timeout=PATIENCE)

    def so_far(self) -> list[Received]:
        """All requests that have come and were not yet taken."""
        return [self.requests.get() for _ in range(self.requests.qsize())]

    def reply(self) -> Reply:
        """The answer whose turn it is."""
        try:
            return self.replies.get_nowait()
        except queue.Empty:
            return self.usual


@contextmanager
def collecting(
    usual: Reply | None = None,
    judge: Callable[[Received], Reply] | None = None,
    host: str = "",
    tls: tuple[str, str] | None = None,
) -> Iterator[Collector]:
    """Runs a collector; `judge` decides by the request, else `usual` is answered.

    `tls` names the files of a certificate and its key.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", 0))
            body = self.rfile.read(length)
            if len(body) < length:
                # The client has ended in the middle of it.
                self.close_connection = True
                return
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            headers = {name.lower(): value for name, value in self.headers.items()}
            received = Received(self.path, headers, body, self.client_address)
            collector.requests.put(received)
            self._answer(judge(received) if judge else collector.reply())

        def _answer(self, reply: Reply) -> None:
            if reply.hold is not None:
                reply.hold.wait(PATIENCE)
            try:
                self.send_response(reply.status)
                for name, value in reply.headers:
                    self.send_header(name, value)
                self.send_header("content-length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)
            except OSError:
                self.close_connection = True
            # Without a word about it, as a server does whose keep-alive time is over.
            self.close_connection |= reply.close

        def log_message(self, format: str, *args: object) -> None:
            """Tests are quiet."""

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that went away is part of some tests."""

    server = Server((host or "127.0.0.1", 0), Handler)
    collector = Collector(server.server_address, usual or Reply(), "https" if tls else "http")  # type: ignore[arg-type]
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    serving = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    serving.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()


def refusing_url() -> str:
    """An address where nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}"


@contextmanager
def black_hole() -> Iterator[str]:
    """The address of a server whose connections are accepted by the kernel and never answered."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        yield f"http://127.0.0.1:{silent.getsockname()[1]}"
