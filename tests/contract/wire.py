"""HTTP/1.1 by hand: requests are sent as they are written, answers are kept as they arrive.

Nothing here stands on a library that the agent patches.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable
from typing import NamedTuple, Protocol

TIMEOUT = 10.0
# Longer than any client waits.
PATIENCE_OF_UPSTREAM = 30.0
HOST = "127.0.0.1"


class Stream(Protocol):
    """What is read from a connection."""

    def read(self, size: int = -1, /) -> bytes: ...
    def readline(self) -> bytes: ...


Headers = Iterable[tuple[str, str]]


class Reply(NamedTuple):
    """An answer: the status line, the header lines and the body without its framing."""

    line: str
    headers: list[tuple[str, str]]
    body: bytes
    cut: bool = False

    @property
    def status(self) -> int:
        """The status code."""
        return int(self.line.split()[1])

    def comparable(self) -> tuple[str, list[tuple[str, str]], bytes, bool]:
        """All of it that does not depend on the time."""
        headers = [pair for pair in self.headers if pair[0].lower() != "date"]
        return self.line, headers, self.body, self.cut


def connect(port: int) -> socket.socket:
    """A connection to a server of this machine."""
    return socket.create_connection((HOST, port), timeout=TIMEOUT)


def send(
    connection: socket.socket,
    target: str,
    headers: Headers = (),
    method: str = "GET",
    body: bytes = b"",
) -> None:
    """Writes one request, with the headers as they are given after `Host`."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {HOST}:{connection.getpeername()[1]}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)


def receive(stream: Stream, method: str = "GET") -> Reply:
    """Reads one answer; `cut` if the connection ended before its end."""
    line = stream.readline().decode("latin-1").rstrip("\r\n")
    headers = read_headers(stream)
    if not line or method == "HEAD" or line.split()[1] in ("204", "304"):
        return Reply(line, headers, b"", cut=not line)
    known = {name.lower(): value for name, value in headers}
    if "chunked" in known.get("transfer-encoding", ""):
        body, complete = read_chunks(stream)
    elif "content-length" in known:
        length = int(known["content-length"])
        body = stream.read(length)
        complete = len(body) == length
    else:
        body, complete = stream.read(), True
    return Reply(line, headers, body, not complete)


def read_headers(stream: Stream) -> list[tuple[str, str]]:
    """Header lines up to the empty one, names and values as they came."""
    headers = []
    while line := stream.readline().decode("latin-1").rstrip("\r\n"):
        name, _, value = line.partition(":")
        headers.append((name, value.strip(" ")))
    return headers


def read_chunks(stream: Stream) -> tuple[bytes, bool]:
    """A chunked body, and whether its last chunk came."""
    body = b""
    while size := stream.readline():
        length = int(size, 16)
        body += stream.read(length)
        stream.readline()
        if not length:
            return body, True
    return body, False


def request(
    port: int, target: str, headers: Headers = (), method: str = "GET", body: bytes = b""
) -> Reply:
    """One request on a connection of its own."""
    with connect(port) as connection, connection.makefile("rb") as stream:
        send(connection, target, [*headers, ("Connection", "close")], method, body)
        reply = receive(stream, method)
        # Some servers send a body where there is to be none; and old ones of waitress die of a
        # client that leaves before they do.
        return reply._replace(body=stream.read()) if method == "HEAD" else reply


def again(before: Reply, connection: socket.socket, stream: Stream, target: str) -> Reply | None:
    """One request more on a connection; None where the reply before was the last one."""
    if ("connection", "close") in [(name.lower(), value.lower()) for name, value in before.headers]:
        return None
    try:
        send(connection, target)
        reply = receive(stream)
    except ConnectionError:
        return None
    return reply if reply.line else None


def hang_up(connection: socket.socket) -> None:
    """Leaves at once: the other side is told by a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def listen() -> socket.socket:
    """A listening socket at a free port."""
    return socket.create_server((HOST, 0), backlog=128)
