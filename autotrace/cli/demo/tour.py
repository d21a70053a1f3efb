"""The demonstration itself: start the programs, send the requests, wait for the spans."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from importlib.util import find_spec
from typing import NamedTuple

import autotrace
from autotrace.cli.demo.cases import CASES, Case
from autotrace.cli.demo.collector import Collector, ZipkinSpan
from autotrace.cli.demo.flow import unpadded
from autotrace.cli.demo.program import Failed, Program
from autotrace.cli.demo.relay import LOOPBACK, Relay, Request
from autotrace.cli.demo.signals import held_back

# Who calls whom: the way of each request. The last call is made twice, at the same time.
HOPS = (("you", "shop"), ("shop", "stock"), ("stock", "prices"), ("prices", "stock"))
SERVICES = ("shop", "stock", "prices")
# One on either side of a call between programs, and the shop's own.
SPANS_OF_A_TRACE = 9

_SPANS_WITHIN = 8.0
_ANSWER_WITHIN = 10.0
# Proxies are for the outside; GUNICORN_CMD_ARGS and our own settings are for other programs.
_DROPPED = ("AUTOTRACE_", "OTEL_", "GUNICORN_", "FLASK_", "WERKZEUG_")

Hop = tuple[Request, ...]


class Outcome(NamedTuple):
    """What became of one request; `hops` are the requests on the wire, in the order of HOPS."""

    case: Case
    status: int
    hops: tuple[Hop, ...]
    spans: tuple[ZipkinSpan, ...]
    names: Mapping[str, str]  # the service behind each address

    @property
    def problem(self) -> str:
        """What is wrong with it, or nothing."""
        if self.status != 200:
            return f"the shop answered {self.status}"
        calls = tuple(len(hop) for hop in self.hops)
        if calls != (1, 1, 1, 2):
            return f"the hops saw {calls} requests"
        expected = SPANS_OF_A_TRACE if self.case.recorded else 0
        if len(self.spans) != expected:
            return f"{len(self.spans)} spans arrived, not {expected}"
        known = {span["id"] for span in self.spans}
        adrift = [span for span in self.spans if span.get("parentId", "") not in known]
        if expected and len(adrift) != 1:
            return f"the trace is in {len(adrift)} pieces"
        return ""


def tour(cases: Sequence[Case] = CASES) -> list[Outcome]:
    """Sends each request through the three programs; all of them have ended when it returns."""
    recorded: list[list[Request]] = [[] for _ in HOPS]
    with ExitStack() as stack:
        collector = Collector()
        stack.callback(collector.stop)
        ports = dict(zip(SERVICES, _free_ports(len(SERVICES)), strict=True))
        relays = []
        for (_, called), requests in zip(HOPS, recorded, strict=True):
            relay = Relay((LOOPBACK, ports[called]), requests.append)
            stack.callback(relay.stop)
            relays.append(relay)
        stack.enter_context(_programs(ports, relays, collector.endpoint))
        names = {relay.authority: called for relay, (_, called) in zip(relays, HOPS, strict=True)}
        # The first request and the first delivery of a process load what is loaded late; the
        # times that are shown are those without it.
        _send(relays[0].authority, ())
        collector.wait_for(lambda spans: len(spans) >= SPANS_OF_A_TRACE, _SPANS_WITHIN)
        for requests in recorded:
            requests.clear()
        sent = []
        for case in cases:
            status = _send(relays[0].authority, case.headers)
            hops = tuple(tuple(sorted(requests)) for requests in recorded)
            for requests in recorded:
                requests.clear()
            sent.append(Outcome(case, status, hops, (), names))
        expected = SPANS_OF_A_TRACE * (1 + sum(case.recorded for case in cases))
        spans = collector.wait_for(lambda spans: len(spans) >= expected, _SPANS_WITHIN)
    return [outcome._replace(spans=_of_trace(outcome.hops, spans)) for outcome in sent]


def _free_ports(count: int) -> list[int]:
    """Ports that are free, all held until each of them is known."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def _programs(ports: Mapping[str, int], relays: Sequence[Relay], endpoint: str) -> Iterator[None]:
    """The three programs, running and answering."""
    _, stock, prices, stock_again = (f"http://{relay.authority}" for relay in relays)
    running: list[Program] = []
    try:
        for name, peers in (
            ("prices", {"STOCK_URL": stock_again}),
            ("stock", {"PRICES_URL": prices}),
            ("shop", {"STOCK_URL": stock}),
        ):
            port = ports[name]
            environ = {**_environment(endpoint), **peers, "PORT": str(port)}
            with held_back():
                running.append(Program(name, _command(name, port), port, environ))
        for program in running:
            program.wait_until_ready()
        yield
    finally:
        with held_back():
            for program in running:
                program.ask_to_stop()
            for program in running:
                program.stop()


def examples() -> str:
    """The folder of the programs: in the package, or beside it in a checkout."""
    package = os.path.dirname(os.path.abspath(autotrace.__file__))
    inside = os.path.join(package, "examples")
    return inside if os.path.isdir(inside) else os.path.join(os.path.dirname(package), "examples")


def _command(name: str, port: int) -> list[str]:
    folder = examples()
    if name == "shop" and find_spec("gunicorn"):
        config = os.path.join(folder, "gunicorn.conf.py")
        options = ["--config", config, "--chdir", folder, "--bind", f"{LOOPBACK}:{port}"]
        return [sys.executable, "-m", "gunicorn", *options, "shop:app"]
    return [sys.executable, os.path.join(folder, f"{name}.py")]


def _environment(endpoint: str) -> dict[str, str]:
    """The programs' environment: the user's, without what would change the demonstration."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_DROPPED)}
    return {
        **kept,
        "no_proxy": LOOPBACK,
        "NO_PROXY": LOOPBACK,
        "AUTOTRACE_EXPORTER": "zipkin",
        "AUTOTRACE_ZIPKIN_ENDPOINT": endpoint,
        "AUTOTRACE_FLUSH_INTERVAL_MS": "100",
        # So that asking whether they are ready makes no trace.
        "AUTOTRACE_EXCLUDE": "GET /health",
    }


def _send(authority: str, headers: Sequence[tuple[str, str]]) -> int:
    with closing(HTTPConnection(authority, timeout=_ANSWER_WITHIN)) as connection:
        try:
            connection.request(
                "GET", "/basket", headers={"User-Agent": "autotrace-demo", **dict(headers)}
            )
            response = connection.getresponse()
            response.read()
        except OSError as error:
            raise Failed(f"the shop did not answer: {error}") from error
        return response.status


def _of_trace(hops: Sequence[Hop], spans: Sequence[ZipkinSpan]) -> tuple[ZipkinSpan, ...]:
    """The spans of the trace that the shop's call named on the wire."""
    named = {
        unpadded(value.split("-")[1])
        for request in hops[1]
        for name, value in request.headers
        if name == "traceparent"
    }
    return tuple(span for span in spans if span["traceId"] in named)
