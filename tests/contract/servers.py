"""The servers: a driver is a function that serves a WSGI application and yields its port.

gunicorn is run as its users run it, in a process of its own with the bootstrap on its path. It
writes its spans into a pipe, so that a test is told of them and never has to look again.
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from importlib.metadata import version
from pathlib import Path
from socketserver import ThreadingMixIn
from types import MappingProxyType
from typing import NamedTuple
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.simple_server import make_server as make_wsgiref_server

import flask as flask_module
from cheroot.wsgi import Server as CherootServer
from packaging.version import Version
from waitress.server import create_server
from werkzeug.serving import WSGIRequestHandler as WerkzeugRequestHandler
from werkzeug.serving import make_server as make_werkzeug_server

from tests.contract import agent, wire
from tests.contract.agent import Record, Spans
from tests.contract.aiohttp_application import aiohttp
from tests.contract.application import Application, application
from tests.contract.asgi_application import (
    fastapi,
    hypercorn_h11,
    starlette,
    uvicorn_h11,
    uvicorn_httptools,
)
from tests.contract.green_servers import pywsgi
from tests.contract.http_server_application import http_server
from tests.contract.tornado_application import tornado
from tests.contract.wire import HOST, Headers, Reply
from tests.contract.wsgi_frameworks import ENTRIES

ROOT = Path(__file__).resolve().parents[2]
SAMPLED = [("traceparent", "00-" + "ba" * 16 + "-" + "ba" * 8 + "-01")]


class Served(NamedTuple):
    """A server at work and the spans that its process makes."""

    port: int
    spans: Spans

    def get(
        self, target: str, headers: Headers = (), method: str = "GET", body: bytes = b""
    ) -> Reply:
        """One request, on a connection of its own."""
        return wire.request(self.port, target, headers, method, body)

    def finished(self, count: int) -> list[Record]:
        """So many records and no more: a request that is certainly recorded comes after them."""
        records = self.spans.wait(count)
        self.get("/barrier", SAMPLED)
        after = self.spans.wait(len(records) + 1)
        found = [record for record in after if record["trace_id"] != "ba" * 16]
        assert len(found) == count, found
        return found

    def one(self) -> Record:
        """The only record."""
        return self.finished(1)[0]


Serve = Callable[[Application], AbstractContextManager[int]]
Start = Callable[..., AbstractContextManager[Served]]


class Server(NamedTuple):
    """A driver: `start(settings, traced)` runs a server; one in a process may be kept.

    `counts_pages`: the page of a server that answers for a failed application is its framework's
    own, and so counted like any other answer. `cannot`: the tests, or the paths of the application,
    that it is no match for, and why. `integrations`: those that a request passes.
    """

    name: str
    start: Start
    in_process: bool
    counts_pages: bool = False
    cannot: Mapping[str, str] = MappingProxyType({})
    integrations: Sequence[str] = ("wsgi",)

    def passing(self, *integrations: str) -> Server:
        """The same, with requests that pass these."""
        return self._replace(integrations=integrations)


@contextmanager
def running(loop: Callable[[], object], stop: Callable[[], object]) -> Iterator[None]:
    """Runs a server's loop in a thread."""
    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop()
        thread.join(agent.PATIENCE)


@contextmanager
def werkzeug(application: Application) -> Iterator[int]:
    """The development server, threaded."""

    class Quiet(WerkzeugRequestHandler):
        def log(self, type: str, message: str, *args: object) -> None: ...

    server = make_werkzeug_server(HOST, 0, application, threaded=True, request_handler=Quiet)
    with closing(server.socket), running(lambda: server.serve_forever(0.01), server.shutdown):
        yield server.server_port


@contextmanager
def wsgiref(application: Application) -> Iterator[int]:
    """The standard library's server, a thread for each request."""

    class Threaded(ThreadingMixIn, WSGIServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: object, client_address: object) -> None: ...

    class Quiet(WSGIRequestHandler):
        def log_message(self, format: str, *args: object) -> None: ...

        def get_stderr(self) -> io.StringIO:
            return io.StringIO()

    server = make_wsgiref_server(HOST, 0, application, Threaded, Quiet)
    with server, running(lambda: server.serve_forever(0.01), server.shutdown):
        yield server.server_port


@contextmanager
def waitress(application: Application) -> Iterator[int]:
    """waitress, whose loop ends when nothing is left to listen to."""
    # Left alone, it takes `x-forwarded-for` out of every request.
    kept = {"clear_untrusted_proxy_headers": False}
    server = create_server(application, host=HOST, port=0, threads=8, **kept)

    def stop() -> None:
        server.task_dispatcher.shutdown()
        # It may have woken up for another reason and be closed before it is woken up for this one.
        with suppress(OSError):
            server.trigger.pull_trigger(server.close)

    with running(server.run, stop):
        yield server.effective_port


@contextmanager
def flask(application: Application) -> Iterator[int]:
    """Flask's own entry, under a server that does not hand it over traced."""
    entry = flask_module.Flask("contract")
    entry.wsgi_app = application  # type: ignore[assignment, method-assign]
    with werkzeug(entry) as port:
        yield port


@contextmanager
def cheroot(application: Application) -> Iterator[int]:
    """CherryPy's server."""

    class Quiet(CherootServer):
        def error_log(self, *args: object, **kwargs: object) -> None: ...

    server = Quiet((HOST, 0), application, request_queue_size=128)
    server.prepare()
    with running(server.serve, server.stop):
        yield server.bind_addr[1]


def in_process(name: str, serve: Serve, counts_pages: bool = False, **always: str) -> Server:
    """A server that is imported and run here, with the agent or without."""

    @contextmanager
    def start(settings: dict[str, str], traced: bool = True) -> Iterator[Served]:
        world = agent.traced(**always, **settings) if traced else nullcontext(Spans())
        with world as spans, serve(application) as port:
            yield Served(port, spans)

    return Server(name, start, True, counts_pages)


def framework(entry: Callable[[Application], Application]) -> Server:
    """A framework's own entry, under a server that does not hand it over traced."""

    def serve(application: Application) -> AbstractContextManager[int]:
        return werkzeug(entry(application))

    # What an application raises all but Pyramid answer for, with a page of their own.
    pages = entry.__name__ != "pyramid"
    made = in_process(entry.__name__, serve, pages, disabled_integrations="werkzeug")
    return made.passing("wsgi", entry.__name__)


def gunicorn(worker: str, *options: str, app: str = "application:application") -> Server:
    """gunicorn with one worker of a class."""
    command = ["-m", "gunicorn", "--worker-class", worker, *options, "--log-level", "error"]
    command += [f"tests.contract.{app}", "--bind"]
    name = f"gunicorn-{worker.rpartition('.')[2]}"
    return launched(name, lambda listening: [*command, f"fd://{listening.fileno()}"])


def daphne() -> Server:
    """daphne, whose reactor runs but once in a process."""
    command = ["-m", "daphne", "-v", "0", "tests.contract.asgi_application:asgi", "--fd"]
    return launched("daphne", lambda listening: [*command, str(listening.fileno())])


def granian() -> Server:
    """granian, which makes its sockets itself."""
    command = ["-m", "granian", "--interface", "asgi", "--no-access-log", "--host", HOST]

    def bound(listening: socket.socket) -> list[str]:
        port = str(listening.getsockname()[1])
        listening.close()
        return [*command, "--port", port, "tests.contract.asgi_application:asgi"]

    served = launched("granian", bound, handed=False)
    if Version(version("granian")) >= Version("2.8.6"):
        return served
    waits = "granian before 2.8.6 leaves its client waiting for the length that it was told"
    return served._replace(cannot={"/too-late": waits})


def sanic() -> Server:
    """Sanic's own server."""
    command = ["-m", "tests.contract.sanic_application"]
    served = launched("sanic", lambda listening: [*command, str(listening.fileno())])
    cannot = {"test_head_has_no_body": "Sanic raises a TypeError where HEAD would have a stream"}
    return served._replace(counts_pages=True, cannot=cannot)


def launched(
    name: str, command: Callable[[socket.socket], list[str]], handed: bool = True
) -> Server:
    """A server run as its users do, by nothing but its `PYTHONPATH`.

    It is `handed` a socket that listens already, so that connections wait for it and tests need
    not. One that makes its own is asked until it answers.
    """

    @contextmanager
    def start(settings: dict[str, str], traced: bool = True) -> Iterator[Served]:
        environ = dict(os.environ)
        for each in [n for n in environ if n.startswith(("AUTOTRACE_", "OTEL_", "PYTHONPATH"))]:
            del environ[each]
        # Some of what libraries answer follows the order of a set.
        environ["PYTHONHASHSEED"] = "0"
        with _collecting() as (pipe, spans), wire.listen() as listening:
            if traced:
                environ |= agent.variables(
                    {"exporter": "jsonl", "jsonl_endpoint": pipe, **settings}
                )
                environ |= {"PYTHONPATH": str(ROOT / "bootstrap"), "OTEL_BSP_SCHEDULE_DELAY": "10"}
            port, kept = listening.getsockname()[1], listening.fileno()
            arguments = command(listening)
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=environ,
                pass_fds=[kept] if handed else [],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            said: list[str] = []

            def read() -> None:
                assert process.stdout is not None
                said.extend(process.stdout)

            def stop() -> None:
                process.terminate()
                process.wait(30)

            with running(read, stop):
                if not handed:
                    _until_it_listens(port)
                yield Served(port, spans)
            assert process.stdout is not None
            process.stdout.close()
            assert not [line for line in said if "autotrace:" in line], said

    return Server(name, start, False)


def _until_it_listens(port: int) -> None:
    again = threading.Event()
    for _ in range(int(agent.PATIENCE / 0.02)):
        try:
            wire.connect(port).close()
            return
        except ConnectionRefusedError:
            again.wait(0.02)
    raise TimeoutError(f"nothing listens at {port}")


@contextmanager
def _collecting() -> Iterator[tuple[str, Spans]]:
    """A named pipe, and the spans that are written into it as lines."""
    spans = Spans()
    with tempfile.TemporaryDirectory() as folder:
        pipe = os.path.join(folder, "spans")
        os.mkfifo(pipe)
        # Open for writing too, so that it does not end when its writers come and go.
        both = os.open(pipe, os.O_RDWR)
        lines = os.fdopen(both, "rb")

        def collect() -> None:
            for line in iter(lines.readline, b"end\n"):
                spans.append(json.loads(line))

        with running(collect, lambda: os.write(both, b"end\n")):
            yield pipe, spans
        lines.close()


IN_PROCESS = (
    in_process("werkzeug", werkzeug),
    in_process("wsgiref", wsgiref),
    in_process("waitress", waitress),
    in_process("flask", flask, disabled_integrations="werkzeug").passing("wsgi", "flask"),
    in_process("gevent.pywsgi", pywsgi),
    in_process("aiohttp", aiohttp, counts_pages=True).passing("aiohttp_server"),
    in_process("tornado", tornado, counts_pages=True).passing("tornado_server"),
    in_process("cheroot", cheroot)._replace(
        cannot={
            "/raising-first": "cheroot sends the head although the body has failed",
            "test_no_value_of_a_repeated_header_is_lost": "cheroot keeps the last of them",
        }
    ),
    in_process("http_server", http_server)
    .passing("http_server")
    ._replace(
        cannot={
            "test_an_exception_before_the_response_is_a_500": "http.server answers nothing then",
            "test_a_client_that_leaves_is_flagged": "the head may be all that arrives before",
            "test_an_application_within_another_makes_no_second_span": "it has no environ",
        }
    ),
    *(framework(entry) for entry in ENTRIES),
    in_process("uvicorn-h11", uvicorn_h11).passing("asgi"),
    in_process("uvicorn-httptools", uvicorn_httptools).passing("asgi"),
    in_process("hypercorn", hypercorn_h11).passing("asgi"),
    in_process("starlette", starlette, True, disabled_integrations="uvicorn").passing(
        "asgi", "starlette"
    ),
    in_process("fastapi", fastapi, True, disabled_integrations="uvicorn").passing(
        "asgi", "starlette"
    ),
)
SERVERS = (
    *IN_PROCESS,
    gunicorn("sync"),
    gunicorn("gthread", "--threads", "8"),
    gunicorn("gevent"),
    sanic(),
    gunicorn("uvicorn.workers.UvicornWorker", app="asgi_application:asgi"),
    # Its worker of its own came with 24.
    *(
        [gunicorn("asgi", app="asgi_application:asgi")]
        if importlib.util.find_spec("gunicorn.asgi")
        else []
    ),
    daphne()._replace(
        cannot=dict.fromkeys(
            ("/raising-midstream", "/too-late"),
            "daphne leaves its client waiting when a response breaks off",
        )
    ),
    granian(),
)
