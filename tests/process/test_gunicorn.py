"""gunicorn as it is run: every request that was answered is one span, and no other is sent."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.export_server import Collector, collecting
from tests.process.programs import Program, Start, ask, ask_often, distinct, listening

gunicorn = pytest.importorskip("gunicorn")

PYTHON = sys.executable
APPLICATION = """
import os, threading
from flask import Flask

app = Flask(__name__)
# One write, so that the lines of several workers do not mix.
os.write(1, f"threads at import: {[each.name for each in threading.enumerate()]}\\n".encode())

@app.get("/")
def index():
    return str(os.getpid())

@app.get("/slowly")
def slowly():
    print("slowly begins")
    threading.Event().wait(0.5)
    return "done"
"""
# Since 25.1 the master has a thread of its own for a control interface, and a socket in $HOME.
QUIET = ("--no-control-socket",) if gunicorn.version_info >= (25, 1) else ()


class Site:
    """A gunicorn with its address and the receiver of its spans."""

    def __init__(self, start: Start, collector: Collector, listener: socket.socket) -> None:
        self._start = start
        self._collector = collector
        self._listener = listener
        self.port: int = listener.getsockname()[1]

    def run(self, form: str, *options: str, workers: int = 4, **variables: str) -> Program:
        """Starts it and waits until all workers are there."""
        bind = f"fd://{self._listener.fileno()}"
        program = self._start(
            form,
            [
                *(PYTHON, "-m", "gunicorn", "-b", bind, "-w", str(workers)),
                *(*QUIET, *options, "app:app"),
            ],
            {
                "AUTOTRACE_EXPORTER": "zipkin",
                "AUTOTRACE_ZIPKIN_ENDPOINT": self._collector.url,
                **variables,
            },
            [self._listener.fileno()],
        )
        for _ in range(workers):
            program.says("Booting worker")
        return program

    def spans(self) -> list[dict[str, Any]]:
        """All that have arrived."""
        return [span for each in self._collector.so_far() for span in json.loads(each.body)]


@pytest.fixture
def site(start: Start, tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "app.py").write_text(APPLICATION)
    with collecting() as collector, listening() as listener:
        yield Site(start, collector, listener)


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("autotrace-run", ()),
        ("PYTHONPATH", ("--preload",)),
        ("PYTHONPATH", ("--max-requests", "50")),
        ("autotrace-run", ("--preload", "--max-requests", "50")),
    ],
)
def test_a_thousand_requests_are_a_thousand_spans(
    form: str, options: tuple[str, ...], site: Site
) -> None:
    program = site.run(form, *options)
    assert program.tasks() == 1, "a thread in the master before the first request"
    replies = ask_often(site.port, 1000)
    assert program.tasks() == 1
    assert (program.stop(), program.ours()) == (0, [])

    assert [reply.status for reply in replies] == [200] * 1000
    assert len({reply.body for reply in replies}) > 1, "one worker answered everything"
    spans = site.spans()
    assert (len(spans), distinct(spans, "id")) == (1000, 1000)
    assert {span["kind"] for span in spans} == {"SERVER"}
    assert set(program_threads(program)) == {"['MainThread']"}


def program_threads(program: Program) -> list[str]:
    """What `threading` knew in each process that imported the application."""
    before = "threads at import: "
    return [line.partition(before)[2] for line in program.lines if before in line]


def test_threads_of_a_worker(site: Site) -> None:
    program = site.run("autotrace-run", "-k", "gthread", "--threads", "4", workers=2)
    replies = ask_often(site.port, 200)
    assert (program.stop(), program.ours()) == (0, [])
    assert [reply.status for reply in replies] == [200] * 200
    spans = site.spans()
    assert (len(spans), distinct(spans, "id")) == (200, 200)


@pytest.mark.parametrize("options", [(), ("-k", "gthread", "--threads", "2")])
def test_a_request_in_progress_at_sigterm(options: tuple[str, ...], site: Site) -> None:
    program = site.run("PYTHONPATH", *options, workers=1)
    replies = []
    asking = threading.Thread(target=lambda: replies.append(ask(site.port, "/slowly")))
    asking.start()
    program.says("slowly begins")
    assert program.stop() == 0
    asking.join()
    assert [reply.status for reply in replies] == [200]
    assert [span["tags"]["http.status_code"] for span in site.spans()] == ["200"]


@pytest.mark.parametrize(
    "variables", [{"AUTOTRACE_MODE": "propagate"}, {"AUTOTRACE_RANDOM_SAMPLING": "0"}]
)
def test_without_a_span_there_is_no_thread(variables: dict[str, str], site: Site) -> None:
    program = site.run("autotrace-run", "--preload", workers=1, **variables)
    replies = ask_often(site.port, 20)
    assert [reply.status for reply in replies] == [200] * 20
    worker = int(replies[0].body)
    assert (program.tasks(), program.tasks(worker)) == (1, 1)
    assert (program.stop(), program.ours(), site.spans()) == (0, [], [])
