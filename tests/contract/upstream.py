"""The service that everything here calls: it keeps every request exactly as it arrived."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.contract import wire
from tests.contract.wire import HOST, PATIENCE_OF_UPSTREAM

_B3 = (
    "b3",
    *(f"x-b3-{each}" for each in ("traceid", "spanid", "parentspanid", "sampled", "flags")),
)
TRACING = frozenset(
    ("traceparent", "tracestate", "baggage", "x-request-id", "x-datadog-sampled", *_B3)
)


class Arrival(NamedTuple):
    """A request: its target, its header lines in order, and its body without framing."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def values(self, name: str) -> list[str]:
        """All values of a header, whatever the case of its name."""
        return [value for key, value in self.headers if key.lower() == name]

    def value(self, name: str) -> str:
        """The value of a header that must be there once."""
        values = self.values(name)
        assert len(values) == 1, (name, self.headers)
        return values[0]

    @property
    def own(self) -> list[tuple[str, str]]:
        """The header lines that are not of tracing."""
        return [pair for pair in self.headers if pair[0].lower() not in TRACING]

    @property
    def span(self) -> tuple[str, str]:
        """Trace id and span id of `traceparent`."""
        _, trace_id, span_id, _ = self.value("traceparent").split("-")
        return trace_id, span_id


class Upstream:
    """What arrived since `clear`; `release` lets the rest of a `/stream` go."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.arrivals: list[Arrival] = []
        self._arrived = threading.Condition()
        self.release = threading.Event()
        self.tries: Counter[str] = Counter()

    def url(self, path: str = "/ok") -> str:
        """The address of a path."""
        return f"http://{HOST}:{self.port}{path}"

    def clear(self) -> None:
        """Forgets everything."""
        self.arrivals.clear()
        self.tries.clear()
        self.release.clear()

    def arrive(self, arrival: Arrival) -> None:
        """Keeps a request."""
        with self._arrived:
            self.arrivals.append(arrival)
            self._arrived.notify_all()

    def wait(self, count: int) -> list[Arrival]:
        """So many requests and no more: servers go on a little after their client is served."""
        with self._arrived:
            self._arrived.wait_for(lambda: len(self.arrivals) >= count, wire.TIMEOUT)
        assert len(self.arrivals) == count, self.arrivals
        return self.arrivals

    def one(self) -> Arrival:
        """The only request that arrived."""
        assert len(self.arrivals) == 1, self.arrivals
        return self.arrivals[0]


class _Handler(socketserver.StreamRequestHandler):
    server: _Server
    disable_nagle_algorithm = True

    def handle(self) -> None:
        self.connection.settimeout(PATIENCE_OF_UPSTREAM)
        try:
            while self._exchange():
                pass
        except (ConnectionError, TimeoutError):
            # Some clients leave in the middle, on purpose.
            return

    def _exchange(self) -> bool:
        """Serves one request; false when the connection is over."""
        line = self.rfile.readline().decode("latin-1").split()
        if len(line) != 3:
            return False
        method, target = line[:2]
        headers = wire.read_headers(self.rfile)
        known = {name.lower(): value for name, value in headers}
        # A client that sends its body separately may wait for this, and a hundred tests with it.
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        if "chunked" in known.get("transfer-encoding", ""):
            body, complete = wire.read_chunks(self.rfile)
            if not complete:
                # It comes to nothing, at a time that no test waits for.
                return False
        else:
            body = self.rfile.read(int(known.get("content-length", "0")))
        upstream = self.server.upstream
        upstream.arrive(Arrival(method, target, headers, body))
        what, _, argument = urlsplit(target).path.strip("/").partition("/")
        answer = getattr(self, f"_{what}", self._ok)
        return bool(answer(argument or urlsplit(target).query, method, upstream))

    def _write(self, status: str, body: bytes = b"", *headers: str, head: bool = False) -> bool:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
        self.wfile.write("\r\n".join(lines).encode() + (b"" if head else body))
        return True

    def _ok(self, argument: str, method: str, upstream: Upstream) -> bool:
        return self._write("200 OK", b"hello", head=method == "HEAD")

    def _status(self, argument: str, method: str, upstream: Upstream) -> bool:
        return self._write(f"{argument} Said", b"said")

    def _named(self, argument: str, method: str, upstream: Upstream) -> bool:
        """Tells what it calls its own span, as Envoy does."""
        name = f"X-Envoy-Decorator-Operation: {argument}"
        return self._write("200 OK", b"hello", name, "X-Served-By: r1", "X-Served-By: r2")

    def _empty(self, argument: str, method: str, upstream: Upstream) -> bool:
        self.wfile.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        return True

    def _redirect(self, argument: str, method: str, upstream: Upstream) -> bool:
        return self._write("302 Found", b"", f"Location: {argument}")

    def _flaky(self, argument: str, method: str, upstream: Upstream) -> bool:
        """Fails as often as it is told, then answers."""
        upstream.tries[argument] += 1
        if upstream.tries[argument] <= int(argument):
            return self._write("503 Later", b"later")
        return self._ok(argument, method, upstream)

    def _stream(self, argument: str, method: str, upstream: Upstream) -> bool:
        """Sends the first of three chunks, the others once it is told to."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        assert upstream.release.wait(PATIENCE_OF_UPSTREAM)
        self.wfile.write(b"6\r\nsecond\r\n5\r\nthird\r\n0\r\n\r\n")
        return True

    def _silent(self, argument: str, method: str, upstream: Upstream) -> bool:
        """Says nothing until the client goes."""
        self.connection.recv(1)
        return False

    def _drop(self, argument: str, method: str, upstream: Upstream) -> bool:
        """Goes without an answer."""
        return False

    def _cut(self, argument: str, method: str, upstream: Upstream) -> bool:
        """Goes in the middle of its answer."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
        return False


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128
    upstream: Upstream

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients of these tests come and go as they like."""


@contextmanager
def serving() -> Iterator[Upstream]:
    """Runs an upstream service."""
    with _Server((HOST, 0), _Handler) as server:
        server.upstream = Upstream(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server.upstream
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def refusing() -> Iterator[int]:
    """A port at which connections are refused: it is taken, and nobody listens."""
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        yield taken.getsockname()[1]
