"""Whatever headers a stranger sends, gunicorn and Flask answer as they do without the agent."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.export_server import collecting
from tests.process.programs import PATIENCE, Start, listening

pytest.importorskip("gunicorn")

PYTHON = sys.executable
# Sends the headers on, so that both ways through the agent are gone.
APPLICATION = """
import os, urllib.error, urllib.request
from flask import Flask, request

app = Flask(__name__)

@app.get("/")
def index():
    with urllib.request.urlopen(os.environ["UPSTREAM"], b"x") as answer:
        return f"{answer.status} {sorted(request.headers.items())}"
"""
TRACE, SPAN = b"0af7651916cd43dd8448eb211c80319c", b"b7ad6b7169203331"
NAMES = (
    b"traceparent",
    b"tracestate",
    b"b3",
    b"x-b3-traceid",
    b"x-b3-spanid",
    b"x-b3-sampled",
    b"x-b3-flags",
    b"baggage",
    b"x-request-id",
    b"x-client-trace-id",
    b"x-envoy-force-trace",
    b"x-forwarded-for",
    b"x-ot-span-context",
    b"uber-trace-id",
    b"grpc-trace-bin",
    b"x-cloud-trace-context",
    b"x-datadog-trace-id",
    b"sw8",
    b"user-agent",
    b"content-length",
    b"x-envoy-downstream-service-cluster",
    b"x-envoy-original-path",
)
VALUES = (
    b"",
    b"-",
    b"0",
    b"%s" % TRACE,
    b"00-%s-%s-01" % (TRACE, SPAN),
    b"00-%s-%s-01" % (TRACE.upper(), SPAN),
    b"00-%s-%s-01" % (b"0" * 32, b"0" * 16),
    b"ff-%s-%s-01-what-is-more" % (TRACE, SPAN),
    b"%s-%s-d-%s-%s" % (TRACE, SPAN, SPAN, SPAN),
    b"%s-%s-1-" % (TRACE, SPAN),
    b"=,;=,=%zz,%,a=%ff%fe,\t,=" * 30,
    b"1-" * 2000,
    b"\xff\xfe\x80 \xc3\xa4 \xed\xa0\x80",
    b"\t\x0b\x0c\x1b[31m\x7f",
    b"a" * 8000,
    b"-1",
    b"99999999999999999999999999999999999999",
    b"\xd9\xa3\xd9\xa4",
    b"::1, 127.0.0.1, not-an-address, %s" % (b"9" * 500),
)


def raw(port: int, lines: list[bytes]) -> list[bytes]:
    """The lines of the answer, but for the time in it."""
    request = b"\r\n".join([b"GET / HTTP/1.1", b"Host: a", b"Connection: close", *lines, b"", b""])
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(request)
        try:
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        except ConnectionResetError:
            # What it did not read, it was not sent in vain: gunicorn closes after a bad request.
            answer = b"reset"
    return [line for line in answer.split(b"\r\n") if not line.startswith(b"Date: ")]


@pytest.fixture(params=["trace", "propagate"])
def ports(request: pytest.FixtureRequest, start: Start, tmp_path: Path) -> Iterator[list[int]]:
    """The same application twice, without the agent and with it."""
    (tmp_path / "app.py").write_text(APPLICATION)
    with collecting() as upstream, listening() as plain, listening() as traced:
        programs = []
        for form, listener in (("untraced", plain), ("PYTHONPATH", traced)):
            variables = {
                "UPSTREAM": upstream.url,
                "AUTOTRACE_MODE": request.param,
                "AUTOTRACE_EXPORTER": "jsonl",
                "AUTOTRACE_JSONL_ENDPOINT": str(tmp_path / "spans"),
            }
            bind = f"fd://{listener.fileno()}"
            command = [PYTHON, "-m", "gunicorn", "-b", bind, "--log-level", "warning", "app:app"]
            programs.append(start(form, command, variables, [listener.fileno()]))
        yield [plain.getsockname()[1], traced.getsockname()[1]]
        for program in programs:
            assert program.stop() == 0
            assert program.ours() == []
            assert not [line for line in program.lines if "Traceback" in line]


def test_answers_are_the_same(ports: list[int]) -> None:
    plain, traced = ports
    accepted = 0
    for name in NAMES:
        for value in VALUES:
            lines = [name + b": " + value]
            answer = raw(plain, lines)
            assert raw(traced, lines) == answer, lines
            accepted += answer[0].endswith(b"200 OK")
    # Most go through gunicorn, which refuses what is no header value.
    assert accepted > len(NAMES) * len(VALUES) / 2


def test_answers_are_the_same_to_repeated_and_many(ports: list[int]) -> None:
    plain, traced = ports
    good = b"00-%s-%s-01" % (TRACE, SPAN)
    for lines in (
        [b"traceparent: " + good, b"Traceparent: " + good],
        [b"traceparent: " + good, *[b"tracestate: a%d=1" % number for number in range(60)]],
        [b"baggage: " + b",".join(b"k%d=v" % number for number in range(900))],
        [b"baggage: a=%d" % number for number in range(90)],
        [name + b": " + value for name, value in zip(NAMES, VALUES, strict=False)],
        [b"x-b3-traceid: " + TRACE, b"x-b3-spanid: " + SPAN, b"b3: 0", b"x-b3-flags: 1"],
        [b"x-request-id: a b", b"x-request-id: " + b"\xe9" * 100],
    ):
        assert raw(traced, lines) == raw(plain, lines), lines
