"""A minimal HTTP server in a process of its own: reads a request, answers 200, keeps the line open.

It stands for the service that is called, and for a receiver of spans that is never slow.
`python -m benchmarks.server` prints its port and serves until its standard input ends.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from benchmarks.variants import NOTHING, ROOT

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"


@contextmanager
def serving() -> Iterator[int]:
    """Runs the server and gives its port."""
    with subprocess.Popen(
        (sys.executable, "-m", "benchmarks.server"),
        cwd=ROOT,
        env=NOTHING.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.kill()


def _serve(connection: socket.socket) -> None:
    """Answers one request after the other until the client leaves."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    waiting = b""
    with connection:
        while True:
            while b"\r\n\r\n" not in waiting:
                received = connection.recv(65536)
                if not received:
                    return
                waiting += received
            head, _, waiting = waiting.partition(b"\r\n\r\n")
            missing = _length(head) - len(waiting)
            while missing > 0:
                received = connection.recv(min(65536, missing))
                if not received:
                    return
                missing -= len(received)
            waiting = waiting[_length(head) :] if _length(head) < len(waiting) else b""
            connection.sendall(ANSWER)


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    return 0


def main() -> None:
    """Serves every connection in a thread, until standard input ends."""
    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)

    def accept() -> None:
        while True:
            connection, _ = listening.accept()
            Thread(target=_serve, args=(connection,), daemon=True).start()

    Thread(target=accept, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
