"""OpenTelemetry's API in a program that runs under the agent, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BOOTSTRAP = Path(__file__).parents[1] / "bootstrap"

PRELUDE = """
import json, warnings
warnings.simplefilter("error")
from wsgiref.util import setup_testing_defaults
from opentelemetry import trace
from autotrace.integrations import wsgi
from autotrace.export.memory import SPANS

def serve(application, **headers):
    environ = {}
    setup_testing_defaults(environ)
    environ.update({"HTTP_" + name.upper(): value for name, value in headers.items()})
    body = wsgi.call(application, environ, lambda status, headers, exc_info=None: None)
    list(body)
    if hasattr(body, "close"):
        body.close()

def told(**more):
    spans = [[s.name, s.kind, s.trace_id, s.span_id, s.parent_id, dict(s.tags()),
              [e.name for e in s.events], s.status_code, s.scope] for s in SPANS]
    print(json.dumps({"spans": spans, **more}))
"""

TRACEPARENT = f"00-{'a' * 32}-{'b' * 16}-0"


def run(program: str) -> dict[str, Any]:
    """What the program told, run under the agent with the memory exporter."""
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + program],
        env={"PYTHONPATH": str(BOOTSTRAP), "AUTOTRACE_EXPORTER": "memory", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_a_tracer_of_the_program_makes_spans_of_ours() -> None:
    told = run("""
tracer = trace.get_tracer("shop", "1.2")

def application(environ, start_response):
    with tracer.start_as_current_span("work", attributes={"items": 3}) as span:
        span.add_event("seen")
        assert trace.get_current_span() is span
    with tracer.start_span("fails") as span:
        span.set_status(trace.Status(trace.StatusCode.ERROR, "bad"))
    assert trace.get_current_span().is_recording()
    start_response("200 OK", [])
    return [b"x"]

serve(application)
told()
""")
    work, fails, server = told["spans"]
    assert [work[0], fails[0], server[1]] == ["work", "fails", 1]
    assert work[2] == fails[2] == server[2]
    assert work[4] == fails[4] == server[3]
    assert work[5:7] == [{"items": 3}, ["seen"]]
    assert (work[7], fails[7]) == (0, 2)
    assert work[8] == "shop"


def test_an_exception_in_a_span_is_recorded_and_passes() -> None:
    told = run("""
tracer = trace.get_tracer("shop")

@tracer.start_as_current_span("work")
def work():
    raise ValueError("no")

try:
    work()
except ValueError as error:
    caught = str(error)
told(caught=caught)
""")
    (span,) = told["spans"]
    assert told["caught"] == "no"
    assert (span[6], span[7], span[4]) == (["exception"], 2, "")


def test_below_an_unsampled_call_nothing_is_recorded() -> None:
    told = run(f"""
tracer = trace.get_tracer("shop")

def application(environ, start_response):
    with tracer.start_as_current_span("work") as span:
        global seen
        context = span.get_span_context()
        seen = [span.is_recording(), format(context.trace_id, "032x"), context.trace_flags.sampled]
    start_response("200 OK", [])
    return [b"x"]

serve(application, traceparent="{TRACEPARENT}0")
told(seen=seen)
""")
    assert told == {"spans": [], "seen": [False, "a" * 32, False]}


def test_a_provider_of_the_program_is_set_without_a_word_and_its_spans_join() -> None:
    told = run(f"""
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

early = trace.get_tracer("early")
assert type(trace.get_tracer_provider()) is trace.ProxyTracerProvider
exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
assert trace.get_tracer_provider() is provider

def application(environ, start_response):
    with early.start_as_current_span("theirs"):
        pass
    start_response("200 OK", [])
    return [b"x"]

serve(application, traceparent="{TRACEPARENT}1")
serve(application, traceparent="{TRACEPARENT}0")
theirs = [[format(s.context.trace_id, "032x"), format(s.parent.span_id, "016x")]
          for s in exporter.get_finished_spans()]
told(theirs=theirs)
""")
    (server,) = told["spans"]
    # Only that of the sampled call, below our span.
    assert told["theirs"] == [["a" * 32, server[3]]]


@pytest.mark.parametrize("mode", ["propagate", "off"])
def test_without_recording_the_api_is_as_without_us(mode: str) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import opentelemetry.trace as t\n"
            "with t.get_tracer('x').start_as_current_span('y') as span: print(type(span).__name__)",
        ],
        env={"PYTHONPATH": str(BOOTSTRAP), "AUTOTRACE_MODE": mode, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("NonRecordingSpan\n", "")
