"""Children find the trace in their environment where that is asked for, and go on with it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.process.processes import BOOTSTRAP, Done, Run

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
REQUEST_ID = "f47ac10b-58cc-9372-a567-0e02b2c3d479"
HEADERS = {
    "traceparent": f"00-{TRACE}-{PARENT}-01",
    "tracestate": "vendor=1",
    "baggage": "tenant=red",
    "x-request-id": REQUEST_ID,
    "authorization": "secret",
}
PARENT_PROGRAM = f"""
import asyncio, json, os, subprocess, sys
import autotrace
before = dict(os.environ)
with autotrace.inbound({HEADERS!r}, "run"):
    START
assert dict(os.environ) == before
"""
SHOW = "import json, os; print(json.dumps(dict(os.environ)))"
STARTS = {
    "run": "subprocess.run([sys.executable, '-c', CHILD])",
    "an environment of its own": "subprocess.run([sys.executable, '-c', CHILD], "
    "env={**os.environ, 'OWN': '1'})",
    "given by position": "subprocess.Popen([sys.executable, '-c', CHILD], -1, None, None, None, "
    "None, None, True, False, None, dict(os.environ)).wait()",
    "asyncio": """
    async def main():
        child = await asyncio.create_subprocess_exec(sys.executable, '-c', CHILD)
        await child.wait()
    asyncio.run(main())""",
    "a shell": 'subprocess.run(\'"$PYTHON" -c "$SHOW"\', shell=True)',
}


def parent(run: Run, start: str, child: str = SHOW, **variables: str) -> Done:
    program = PARENT_PROGRAM.replace("START", start).replace("CHILD", repr(child))
    done = run(
        [sys.executable, "-c", program],
        {
            "PYTHONPATH": BOOTSTRAP,
            "AUTOTRACE_EXPORTER": "jsonl",
            "AUTOTRACE_JSONL_ENDPOINT": "spans",
            "PYTHON": sys.executable,
            "SHOW": SHOW,
            **variables,
        },
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done


def spans(folder: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (folder / "spans").read_text().splitlines()]


@pytest.mark.parametrize("start", STARTS)
def test_a_child_finds_the_trace_in_its_environment(run: Run, tmp_path: Path, start: str) -> None:
    done = parent(run, STARTS[start], AUTOTRACE_CHILD_ENVIRONMENT="1", X_B3_PARENTSPANID="stale")
    environ = json.loads(done.stdout)
    (span,) = spans(tmp_path)
    named = {
        name: value
        for name, value in environ.items()
        if name.startswith(("TRACE", "BAGGAGE", "X_", "AUTHORIZATION"))
    }
    assert named == {
        "TRACEPARENT": f"00-{TRACE}-{span['span_id']}-01",
        "TRACESTATE": "vendor=1",
        "BAGGAGE": "tenant=red",
        "X_REQUEST_ID": REQUEST_ID,
        "X_B3_TRACEID": TRACE,
        "X_B3_SPANID": span["span_id"],
        "X_B3_PARENTSPANID": PARENT,
        "X_B3_SAMPLED": "1",
    }
    assert environ.get("OWN", "1") == "1"


@pytest.mark.parametrize("start", STARTS)
def test_nothing_is_in_it_that_nobody_asked_for(run: Run, start: str) -> None:
    environ = json.loads(parent(run, STARTS[start]).stdout)
    assert not {"TRACEPARENT", "BAGGAGE", "X_REQUEST_ID"} & environ.keys()


def test_a_trace_that_the_program_names_itself_stays(run: Run) -> None:
    start = "subprocess.run([sys.executable, '-c', CHILD], env={**os.environ, 'TRACEPARENT': 'a'})"
    environ = json.loads(parent(run, start, AUTOTRACE_CHILD_ENVIRONMENT="1").stdout)
    assert environ["TRACEPARENT"] == "a"
    assert "BAGGAGE" not in environ


CALLING = """
import threading
from opentelemetry import trace
import autotrace
autotrace.outbound_headers()
def call():
    trace.get_tracer("child").start_span("work").end()
thread = threading.Thread(target=call)
thread.start()
thread.join()
print(autotrace.outbound_headers()["traceparent"])
"""


def test_a_child_goes_on_with_the_trace_of_its_parent(run: Run, tmp_path: Path) -> None:
    done = parent(run, STARTS["run"], CALLING, AUTOTRACE_CHILD_ENVIRONMENT="1")
    work, root = spans(tmp_path)
    assert (work["name"], work["trace_id"], work["parent_id"]) == ("work", TRACE, root["span_id"])
    assert done.stdout == f"00-{TRACE}-{root['span_id']}-01\n"


@pytest.mark.parametrize("mode", ["trace", "propagate"])
def test_a_child_of_what_is_not_sampled_makes_no_spans(run: Run, tmp_path: Path, mode: str) -> None:
    traceparent = f"00-{TRACE}-{PARENT}-00"
    done = run(
        [sys.executable, "-c", CALLING],
        {
            "PYTHONPATH": BOOTSTRAP,
            "AUTOTRACE_EXPORTER": "jsonl",
            "AUTOTRACE_JSONL_ENDPOINT": "spans",
            "AUTOTRACE_MODE": mode,
            "AUTOTRACE_CHILD_ENVIRONMENT": "1",
            "TRACEPARENT": traceparent,
        },
    )
    assert (done.stdout, done.stderr) == (f"{traceparent}\n", "")
    assert not (tmp_path / "spans").exists()


def test_a_child_that_was_not_asked_to_begins_no_trace(run: Run) -> None:
    program = "import autotrace; print(autotrace.outbound_headers())"
    variables = {"PYTHONPATH": BOOTSTRAP, "TRACEPARENT": f"00-{TRACE}-{PARENT}-01"}
    assert run([sys.executable, "-c", program], variables).stdout == "{}\n"


def test_programs_that_are_not_python_find_it_too(run: Run) -> None:
    start = "subprocess.run(['env'])"
    said = parent(run, start, AUTOTRACE_CHILD_ENVIRONMENT="1").stdout
    assert f"X_REQUEST_ID={REQUEST_ID}" in said.splitlines()
