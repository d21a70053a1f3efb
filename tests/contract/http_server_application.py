"""The program that is traced, as a handler of `http.server` that answers by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from tests.contract.application import Application
from tests.contract.bridge import Answer, environ_of
from tests.contract.wire import HOST, TIMEOUT


class Server(ThreadingHTTPServer):
    """A server that takes many at once and keeps quiet."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None: ...


class Handler(BaseHTTPRequestHandler):
    """A handler of HTTP/1.1 that keeps quiet."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None: ...


def handler_of(application: Application) -> type[Handler]:
    """A handler for every path of the application."""

    class Handling(Handler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            environ = environ_of(self.command, self.path, self.headers.items(), body)
            with closing(Answer(application, environ)) as answer:
                self._send(answer)

        do_HEAD = do_POST = do_GET

        def _send(self, answer: Answer) -> None:
            body = answer.whole
            if body is not None:
                self._begin(answer)
                self.wfile.write(b"" if self.command == "HEAD" else body)
                return
            for chunk in answer:
                if not answer.begun:
                    self._begin(answer)
                if self.command != "HEAD":
                    self.wfile.write(chunk)

        def _begin(self, answer: Answer) -> None:
            self.send_response(answer.status, answer.reason)
            for name, value in answer.headers:
                self.send_header(name, value)
            # So that any body ends with it.
            self.send_header("Connection", "close")
            self.end_headers()
            answer.begun = True

    return Handling


@contextmanager
def serving(handler: type[Handler]) -> Iterator[int]:
    """Serves in a thread."""
    with Server((HOST, 0), handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join(TIMEOUT)


@contextmanager
def http_server(application: Application) -> Iterator[int]:
    """A server of such handlers."""
    with serving(handler_of(application)) as port:
        yield port
