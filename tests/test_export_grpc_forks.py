"""gRPC and forks: its threads are not in the child, and a call that was cut holds locks there."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.export_grpc_server import Answer, GrpcCollector, collecting_grpc

ROOT = Path(__file__).parent.parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
# From 3.12 on Python warns where a program with a second thread forks.
PYTHON = [sys.executable, "-W", "ignore::DeprecationWarning"]
PRELUDE = """
import os, sys, threading
from autotrace.config import Config
from autotrace.export import pipeline
from tests.export_spans import RESOURCE, make_span

built = pipeline.build(
    Config(
        exporter=("otlp",),
        otlp_protocol="grpc",
        otlp_endpoint=sys.argv[1],
        sources={"otlp_endpoint": "AUTOTRACE_OTLP_ENDPOINT"},
        flush_interval_ms=10,
        exit_timeout_ms=30_000,
    ),
    RESOURCE,
)

def end(name):
    built.put(make_span(name))
"""


def run(program: str, collector: GrpcCollector) -> subprocess.CompletedProcess[str]:
    """Runs the program to its end."""
    return subprocess.run(
        [*PYTHON, "-c", PRELUDE + program, collector.url],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=120,
    )


def names(collector: GrpcCollector) -> Counter[str]:
    """How often each span arrived."""
    return Counter(
        span.name
        for call in collector.so_far()
        for group in ExportTraceServiceRequest.FromString(call.message).resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    )


def test_forks_under_load_never_hang() -> None:
    program = """
stop = threading.Event()

def load():
    while not stop.wait(0.0005):
        end('load')

worker = threading.Thread(target=load)
worker.start()
for number in range(30):
    if not (pid := os.fork()):
        end('child')
        os._exit(0 if built.flush(60) else 1)
    assert os.waitpid(pid, 0)[1] == 0
stop.set()
worker.join()
"""
    with collecting_grpc() as collector:
        ran = run(program, collector)
        assert (ran.returncode, ran.stdout) == (0, "")
        assert names(collector)["child"] == 30


def test_a_child_of_a_fork_in_the_middle_of_a_call_says_what_it_loses() -> None:
    """Its program goes on; the parent's spans arrive."""
    program = """
end('parent')
input()
if not (pid := os.fork()):
    end('child')
    built.shutdown()
    print(built.counters()['otlp']['failed'], flush=True)
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
print('forked', flush=True)
"""
    with collecting_grpc() as collector:
        hold = threading.Event()
        collector.answers.put(Answer(hold=hold))
        with subprocess.Popen(
            [*PYTHON, "-c", PRELUDE + program, collector.url],
            env=ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as running:
            assert running.stdin and running.stdout and running.stderr
            called = collector.received()
            running.stdin.write("\n")
            running.stdin.flush()
            said = [running.stdout.readline(), running.stdout.readline()]
            hold.set()
            assert running.wait(60) == 0
            lines = running.stderr.read()
    assert said == ["1\n", "forked\n"]
    assert "1 span lost so far" in lines and "forked during a call" in lines
    assert b"parent" in called.message
