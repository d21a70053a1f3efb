"""`http.server`: handlers that answer by hand, and those of WSGI servers, which do not."""

from __future__ import annotations

import xmlrpc.client
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any
from xmlrpc.server import SimpleXMLRPCRequestHandler, SimpleXMLRPCServer

import flask
import pytest

from tests.contract import agent, wire
from tests.contract.agent import Spans
from tests.contract.application import application
from tests.contract.calls import PARENT, SAMPLED, environ_of
from tests.contract.http_server_application import Handler, serving
from tests.contract.servers import werkzeug, wsgiref
from tests.contract.wire import HOST, TIMEOUT


class Shop(Handler):
    """Answers in as many ways as there are."""

    def do_GET(self) -> None:
        answer = {
            "/closed": self.until_closed,
            "/error": lambda: self.send_error(HTTPStatus.NOT_FOUND),
            "/fail": self.fail,
            "/fail-midway": self.fail_midway,
            "/nothing": self.nothing,
            "/endless": self.endless,
        }
        answer.get(self.path, self.hello)()

    def begin(self, length: int | None = None) -> None:
        self.send_response(200)
        if length is not None:
            self.send_header("Content-Length", str(length))
        else:
            self.send_header("Connection", "close")
        self.end_headers()

    def hello(self) -> None:
        self.begin(5)
        self.wfile.write(b"hel")
        self.wfile.write(b"lo")

    def until_closed(self) -> None:
        self.begin()
        self.wfile.write(b"closed")

    def nothing(self) -> None:
        """Answers nothing at all."""

    def fail(self) -> None:
        raise ZeroDivisionError("by zero")

    def fail_midway(self) -> None:
        self.begin(100)
        self.wfile.write(b"so far")
        self.fail()

    def endless(self) -> None:
        self.begin()
        while True:
            self.wfile.write(b"x" * 65536)


def outcome(spans: Spans) -> tuple[str, str, str, str]:
    """Status code, flags, size of the response and the error of the only span."""
    span = spans.one()
    tags = span["tags"]
    status, flags, size = (tags[k] for k in ("http.status_code", "response_flags", "response_size"))
    return status, flags, size, span["status_message"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/hello", ("200", "-", "5", "")),
        ("/closed", ("200", "-", "6", "")),
        ("/fail", ("0", "UC", "0", "ZeroDivisionError: by zero")),
        ("/fail-midway", ("200", "UC", "6", "ZeroDivisionError: by zero")),
        ("/nothing", ("0", "-", "0", "")),
    ],
)
def test_the_answer_is_told_as_it_was_sent(
    path: str, expected: tuple[str, str, str, str], spans: Spans
) -> None:
    with serving(Shop) as port:
        wire.request(port, path)
        assert outcome(spans) == expected


def test_errors_are_answers_as_well(spans: Spans) -> None:
    with serving(Shop) as port:
        reply = wire.request(port, "/error")
        assert outcome(spans) == ("404", "-", str(len(reply.body)), "")


def test_a_method_that_is_missing_is_a_501(spans: Spans) -> None:
    with serving(Shop) as port:
        assert wire.request(port, "/", method="DELETE").status == 501
        assert spans.one()["tags"]["http.status_code"] == "501"


def test_what_is_no_http_is_no_request(spans: Spans) -> None:
    with serving(Shop) as port:
        with wire.connect(port) as connection:
            connection.sendall(b"what\r\n\r\n")
            assert b"Bad" in connection.recv(1000)
        wire.request(port, "/hello")
        spans.one()


def test_each_request_of_a_connection_has_its_span(spans: Spans) -> None:
    with serving(Shop) as port:
        with wire.connect(port) as connection, connection.makefile("rb") as stream:
            for headers in (SAMPLED, {}):
                wire.send(connection, "/hello", headers.items())
                assert wire.receive(stream).body == b"hello"
        first, second = spans.exactly(2)
    assert (first["parent_id"], second["parent_id"]) == (PARENT, "")


def test_a_client_that_leaves_is_flagged(spans: Spans) -> None:
    with serving(Shop) as port:
        with wire.connect(port) as connection, connection.makefile("rb") as stream:
            wire.send(connection, "/endless")
            assert stream.read(70000)
            wire.hang_up(connection)
            stream.close()
        status, flags, size, error = outcome(spans)
    assert (status, flags, error) == ("200", "DC", "") and int(size) >= 65536


@contextmanager
def xmlrpc_server() -> Iterator[str]:
    """The URL of a server of XML-RPC, whose answers are written into a buffer."""

    class Threaded(ThreadingMixIn, SimpleXMLRPCServer):
        daemon_threads = True

    class Quiet(SimpleXMLRPCRequestHandler):
        def log_message(self, format: str, *args: object) -> None: ...

    with Threaded((HOST, 0), Quiet) as server:
        server.register_function(lambda a, b: a + b, "add")
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://{HOST}:{server.server_address[1]}/RPC2"
        server.shutdown()
        thread.join(TIMEOUT)


def test_xmlrpc_is_served_as_any_http(spans: Spans) -> None:
    with xmlrpc_server() as url, xmlrpc.client.ServerProxy(url) as proxy:
        assert proxy.add(1, 2) == 3
        client, server = spans.exactly(2)
    assert (client["kind"], server["kind"]) == ("client", "server")
    assert (server["trace_id"], server["parent_id"]) == (client["trace_id"], client["span_id"])
    tags = server["tags"]
    assert (tags["http.method"], tags["http.status_code"]) == ("POST", "200")
    assert int(tags["request_size"]) > 0 and int(tags["response_size"]) > 0


@pytest.mark.parametrize("serve", [wsgiref, werkzeug])
def test_servers_of_wsgi_that_stand_on_it_make_one_span(serve: object, spans: Spans) -> None:
    with (werkzeug if serve is werkzeug else wsgiref)(application) as port:
        assert wire.request(port, "/hello").body == b"hello"
        wire.request(port, "/hello")
        spans.exactly(2)


class Bridge(Handler):
    """Answers by calling an application, as small servers of a program's own do."""

    def do_GET(self) -> None:
        environ = environ_of(dict(SAMPLED), self.path)
        chunks = shop(environ, self.start)
        self.wfile.write(b"".join(chunks))

    def start(self, status: str, headers: list[tuple[str, str]], *info: Any) -> Any:
        self.send_response(int(status[:3]))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        return self.wfile.write


shop = flask.Flask("shop")


@shop.route("/item/<name>")
def item(name: str) -> str:
    return f"item {name}"


def test_an_application_that_a_handler_calls_makes_no_second_span(spans: Spans) -> None:
    """The call has the application's route, the answer's status, and is of the request's trace."""
    with serving(Bridge) as port:
        for name in "ab":
            reply = wire.request(port, f"/item/{name}", [*SAMPLED.items()])
            assert reply.body == f"item {name}".encode()
        first, second = spans.exactly(2)
    assert (first["parent_id"], second["parent_id"]) == (PARENT, PARENT)
    assert first["tags"]["http.status_code"] == "200"


def test_the_response_tells_the_request_id_where_it_is_asked_to() -> None:
    with agent.traced(always_set_request_id_in_response="true"), serving(Shop) as port:
        reply = wire.request(port, "/hello", [("x-request-id", "mine")])
    assert ("x-request-id", "mine") in [(name.lower(), value) for name, value in reply.headers]
