"""A loopback relay in front of a program: it passes bytes on and notes the requests among them.

The programs know nothing of tracing, so what they were sent is read here, on the wire.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import NamedTuple

Address = tuple[str, int]

_CHUNK = 65536
LOOPBACK = "127.0.0.1"


class Request(NamedTuple):
    """The head of a request: its first line and its headers, names in lower case."""

    line: str
    headers: tuple[tuple[str, str], ...]


class Heads:
    """Cuts a connection's bytes into the heads of its requests, bodies passed over."""

    def __init__(self) -> None:
        self._rest = b""
        self._body = 0

    def feed(self, data: bytes) -> list[Request]:
        """The requests whose heads end in these bytes."""
        self._rest += data
        found: list[Request] = []
        while True:
            skipped = min(self._body, len(self._rest))
            self._body -= skipped
            self._rest = self._rest[skipped:]
            head, end, rest = self._rest.partition(b"\r\n\r\n")
            if not end:
                return found
            request = _parsed(head)
            found.append(request)
            self._rest = rest
            self._body = int(dict(request.headers).get("content-length", "0"))


def _parsed(head: bytes) -> Request:
    line, *rest = head.decode("latin-1").split("\r\n")
    pairs = (each.partition(":") for each in rest)
    return Request(line, tuple((name.lower(), value.strip()) for name, _, value in pairs))


class Relay(ThreadingTCPServer):
    """Listens on a free loopback port for the program at `target`."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, target: Address, note: Callable[[Request], None]) -> None:
        super().__init__((LOOPBACK, 0), _Connection)
        self.target = target
        # Called before the program gets the request, so that it is known when the answer comes.
        self.note = note
        Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def authority(self) -> str:
        """What a client calls it: host and port."""
        return f"{LOOPBACK}:{self.server_address[1]}"

    def stop(self) -> None:
        """Takes no further connections."""
        self.shutdown()
        self.server_close()


class _Connection(BaseRequestHandler):
    server: Relay
    request: socket.socket

    def handle(self) -> None:
        try:
            with socket.create_connection(self.server.target) as onward:
                Thread(target=_pump, args=(onward, self.request), daemon=True).start()
                heads = Heads()
                _pump(self.request, onward, lambda data: self._note(heads.feed(data)))
        except OSError:
            # One of the two has gone: the other sees its connection end, as without a relay.
            return

    def _note(self, requests: list[Request]) -> None:
        for request in requests:
            self.server.note(request)


def _pump(
    source: socket.socket, target: socket.socket, see: Callable[[bytes], None] | None = None
) -> None:
    """Passes bytes on until the source has no more, then says so to the target."""
    try:
        target.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while data := source.recv(_CHUNK):
            if see is not None:
                see(data)
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        # A reset on either side ends both.
        return
