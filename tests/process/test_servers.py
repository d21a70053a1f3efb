"""Development servers with their reloaders, and uvicorn: one span a request, none is lost."""

from __future__ import annotations

import re
import signal
import sys
from pathlib import Path

import pytest

from tests.process.programs import Program, Start, ask_often, distinct, listening, spans_in

PYTHON = sys.executable
APPLICATION = """
from flask import Flask

app = Flask(__name__)

@app.get("/")
def index():
    return "version 1"

def bare(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"version 1"]

if __name__ == "__main__":
    %s
"""


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "app.py").write_text(APPLICATION % "app.run(port=0)")
    # So long that only the end of a process sends anything.
    return {
        "AUTOTRACE_EXPORTER": "jsonl",
        "AUTOTRACE_JSONL_ENDPOINT": str(tmp_path / "spans"),
        "OTEL_BSP_SCHEDULE_DELAY": "60000",
    }


def port_of(program: Program) -> int:
    """Where werkzeug says it serves."""
    found = re.search(r":(\d+)", program.says("Running on http").partition("//")[2])
    assert found is not None
    return int(found[1])


@pytest.mark.parametrize("form", ["autotrace-run", "PYTHONPATH"])
@pytest.mark.parametrize(
    "command",
    [
        ["-m", "flask", "run", "--port", "0"],
        ["app.py"],
        [
            "-c",
            "from werkzeug.serving import run_simple; from app import bare;"
            "run_simple('127.0.0.1', 0, bare, threaded=True)",
        ],
    ],
    ids=["flask run", "app.run", "run_simple"],
)
def test_the_development_server(
    command: list[str], form: str, start: Start, tmp_path: Path, variables: dict[str, str]
) -> None:
    program = start(form, [PYTHON, *command], variables)
    replies = ask_often(port_of(program), 30)
    assert [reply.status for reply in replies] == [200] * 30
    # It ends by itself on an interrupt only; SIGTERM kills it.
    program.stop(signal.SIGINT)
    spans = spans_in(tmp_path / "spans")
    assert (len(spans), distinct(spans, "span_id"), program.ours()) == (30, 30, [])


@pytest.mark.parametrize(
    "command",
    [["-m", "flask", "--debug", "run", "--port", "0"], ["app.py"]],
    ids=["flask --debug run", "app.run"],
)
def test_the_reloader(
    command: list[str], start: Start, tmp_path: Path, variables: dict[str, str]
) -> None:
    code = APPLICATION % "app.run(port=0, debug=True)"
    (tmp_path / "app.py").write_text(code)
    program = start("autotrace-run", [PYTHON, *command], variables)
    port = port_of(program)
    program.says("Debugger PIN")
    assert {reply.body for reply in ask_often(port, 10)} == {b"version 1"}
    (tmp_path / "app.py").write_text(code.replace("version 1", "version 22"))
    program.says("Debugger PIN")
    assert {reply.body for reply in ask_often(port, 10)} == {b"version 22"}
    # As a terminal does: to the reloader and to the server that it runs.
    program.interrupt()
    spans = spans_in(tmp_path / "spans")
    assert (len(spans), distinct(spans, "span_id"), program.ours()) == (20, 20, [])


@pytest.mark.parametrize("form", ["autotrace-run", "PYTHONPATH"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_uvicorn_loses_nothing(
    number: signal.Signals, form: str, start: Start, tmp_path: Path, variables: dict[str, str]
) -> None:
    """It raises the signal again when it has shut down, so that atexit never runs."""
    pytest.importorskip("uvicorn")
    with listening() as listener:
        program = start(
            form,
            [
                *(PYTHON, "-m", "uvicorn", "--fd", str(listener.fileno())),
                *("--interface", "wsgi", "app:app"),
            ],
            variables,
            [listener.fileno()],
        )
        program.says("Uvicorn running")
        replies = ask_often(listener.getsockname()[1], 40)
        assert [reply.status for reply in replies] == [200] * 40
        program.stop(number)
    spans = spans_in(tmp_path / "spans")
    assert (len(spans), distinct(spans, "span_id"), program.ours()) == (40, 40, [])
