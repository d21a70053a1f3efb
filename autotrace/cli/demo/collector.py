"""The receiver of the demonstration: takes Zipkin v2 JSON over HTTP and keeps the spans."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from typing import Any

ZipkinSpan = dict[str, Any]


class Collector(ThreadingHTTPServer):
    """Listens on a free loopback port."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._spans: list[ZipkinSpan] = []
        self._arrived = Condition()
        Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def endpoint(self) -> str:
        """Where to send spans to."""
        return f"http://127.0.0.1:{self.server_address[1]}/api/v2/spans"

    def take(self, spans: Sequence[ZipkinSpan]) -> None:
        """Keeps some spans."""
        with self._arrived:
            self._spans += spans
            self._arrived.notify_all()

    def wait_for(
        self, enough: Callable[[Sequence[ZipkinSpan]], bool], seconds: float
    ) -> list[ZipkinSpan]:
        """The spans that have arrived once they are enough, or when the time is over."""
        with self._arrived:
            self._arrived.wait_for(lambda: enough(self._spans), seconds)
            return list(self._spans)

    def stop(self) -> None:
        """Takes nothing more."""
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.take(json.loads(body))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: the output belongs to the demonstration."""
