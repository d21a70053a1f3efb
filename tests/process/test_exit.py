"""However a program ends, by itself or by a signal, what it finished arrives once."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from tests.process.processes import Run
from tests.process.programs import Start, distinct, spans_in

PYTHON = sys.executable
# Spans without a network: `serve` answers as many requests in the process itself.
APPLICATION = """
from flask import Flask

app = Flask(__name__)
client = app.test_client()

@app.get("/")
def index():
    return "text"

def serve(times):
    for _ in range(times):
        client.get("/")
"""
ENDS = {
    "the last line": (3, 0, "serve(3)"),
    "sys.exit": (3, 3, "import sys; serve(3); sys.exit(3)"),
    "an unhandled exception": (3, 1, "serve(3); 1 / 0"),
    "a handler of its own for SIGTERM": (
        3,
        5,
        "import os, signal, sys; signal.signal(15, lambda *_: sys.exit(5)); serve(3)\n"
        "os.kill(os.getpid(), 15)",
    ),
    "KeyboardInterrupt": (3, -2, "import os; serve(3); os.kill(os.getpid(), 2)"),
    "exit handlers before and after ours": (
        5,
        0,
        "import atexit; atexit.register(serve, 1); serve(3); atexit.register(serve, 1)",
    ),
    "a thread that outlives the main one": (
        4,
        0,
        "import threading; serve(1); event = threading.Event()\n"
        "def late():\n    event.wait(0.3); serve(3)\n"
        "threading.Thread(target=late).start()",
    ),
    "a daemon thread in the midst of something": (
        3,
        0,
        "import threading; served, ever = threading.Event(), threading.Event()\n"
        "def work():\n    serve(3); served.set(); ever.wait()\n"
        "threading.Thread(target=work, daemon=True).start(); served.wait()",
    ),
    "more than the queue sends at once": (1200, 0, "serve(1200)"),
    "a fork whose child exits": (
        5,
        0,
        "import os, sys; serve(1); child = os.fork()\n"
        "if child == 0:\n    serve(3); sys.exit()\n"
        "serve(1); os.waitpid(child, 0)",
    ),
    "a fork before anything is traced": (
        2,
        0,
        "import os, sys; child = os.fork()\n"
        "if child == 0:\n    serve(1); sys.exit()\n"
        "os.waitpid(child, 0); serve(1)",
    ),
    "a fork of a fork": (
        3,
        0,
        "import os, sys; serve(1); child = os.fork()\n"
        "if child == 0:\n"
        "    serve(1); child = os.fork()\n"
        "    if child == 0:\n        serve(1); sys.exit()\n"
        "    os.waitpid(child, 0); sys.exit()\n"
        "os.waitpid(child, 0)",
    ),
    # Nothing runs between such an end and the process's, so what was finished within the flush
    # interval is lost. docs/launching.md says so.
    "os._exit": (0, 7, "import os; serve(3); os._exit(7)"),
}


@pytest.fixture(autouse=True)
def application(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APPLICATION)


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    # So long that only the end of a process sends anything.
    return {
        "AUTOTRACE_EXPORTER": "jsonl",
        "AUTOTRACE_JSONL_ENDPOINT": str(tmp_path / "spans"),
        "OTEL_BSP_SCHEDULE_DELAY": "60000",
    }


@pytest.mark.parametrize("end", ENDS)
def test_what_was_finished_arrives_once(
    end: str, launch: Run, tmp_path: Path, variables: dict[str, str]
) -> None:
    expected, code, program = ENDS[end]
    (tmp_path / "program.py").write_text(f"from app import serve\n{program}\n")
    done = launch([PYTHON, "program.py"], variables)
    spans = spans_in(tmp_path / "spans")
    assert (len(spans), distinct(spans, "span_id"), done.returncode) == (expected, expected, code)
    assert "autotrace" not in done.stdout + done.stderr


@pytest.mark.parametrize("way", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("kind", ["Process", "ProcessPoolExecutor", "Pool"])
def test_children_of_multiprocessing(
    kind: str, way: str, launch: Run, tmp_path: Path, variables: dict[str, str]
) -> None:
    run = {
        "Process": "each = [context.Process(target=serve, args=(2,)) for _ in range(2)]\n"
        "    [child.start() for child in each]; [child.join() for child in each]",
        "ProcessPoolExecutor": "from concurrent.futures import ProcessPoolExecutor\n"
        "    with ProcessPoolExecutor(2, context) as pool: list(pool.map(serve, [2, 2]))",
        # `with Pool()` would kill its workers in the midst; closed, they end by themselves.
        "Pool": "pool = context.Pool(2); pool.map(serve, [2, 2]); pool.close(); pool.join()",
    }[kind]
    (tmp_path / "program.py").write_text(
        "import multiprocessing\nfrom app import serve\n"
        f"if __name__ == '__main__':\n    context = multiprocessing.get_context({way!r})\n"
        f"    serve(1)\n    {run}\n"
    )
    done = launch([PYTHON, "program.py"], variables)
    spans = spans_in(tmp_path / "spans")
    assert (len(spans), distinct(spans, "span_id"), done.stderr) == (5, 5, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_program_that_knows_no_signals_dies_of_them(
    number: signal.Signals, start: Start, tmp_path: Path, variables: dict[str, str]
) -> None:
    """No handler is put in its way; what had a flush interval's time has arrived."""
    variables["OTEL_BSP_SCHEDULE_DELAY"] = "10"
    (tmp_path / "program.py").write_text(
        "import pathlib, threading\nfrom app import serve\n"
        "spans, ever = pathlib.Path('spans'), threading.Event()\n"
        "spans.touch(); serve(3)\n"
        "while spans.read_text().count('\\n') < 3: ever.wait(0.01)\n"
        "print('served'); ever.wait()\n"
    )
    program = start("PYTHONPATH", [PYTHON, "program.py"], variables)
    program.says("served")
    assert program.stop(number) == -number
    assert len(spans_in(tmp_path / "spans")) == 3
    assert program.ours() == []
