"""Celery's workers as they are run: however a process of theirs ends, its spans arrive once."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.process.processes import BOOTSTRAP, Run
from tests.process.programs import Start, distinct, spans_in

# The broker is a folder, and so are results.
# A line in one piece: `print` writes its end by itself, and another process may come between.
TASKS = r"""
import os
import celery

app = celery.Celery("shop", broker="filesystem://", backend="file://results")
app.conf.broker_transport_options = {
    "data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "control",
}
app.conf.worker_redirect_stdouts = False

@app.task
def add(a, b):
    os.write(1, b"task ran\n")
    return a + b

@app.task
def last():
    os.write(1, b"task ran\n")
"""
SEND = """
import autotrace
from tasks import add, last
for number in range({times}):
    with autotrace.inbound(name="send"):
        add.delay(number, 1)
last.delay()
"""
POOLS: dict[str, Sequence[str]] = {
    "prefork": ("-P", "prefork", "-c", "2"),
    "prefork, a process for each task": ("-P", "prefork", "-c", "1", "--max-tasks-per-child", "1"),
    "threads": ("-P", "threads", "-c", "2"),
    "solo": ("-P", "solo"),
}
TIMES = 3


@pytest.mark.parametrize("pool", POOLS)
def test_each_task_has_its_one_span(pool: str, run: Run, start: Start, tmp_path: Path) -> None:
    """The worker is stopped as soon as the last one has run, long before a span has to be sent."""
    for folder in ("queue", "results", "control"):
        (tmp_path / folder).mkdir()
    (tmp_path / "tasks.py").write_text(TASKS)
    # As a script, so that its folder is on the path.
    (tmp_path / "send.py").write_text(SEND.format(times=TIMES))
    sender = {"AUTOTRACE_EXPORTER": "jsonl", "AUTOTRACE_JSONL_ENDPOINT": "sent"}
    sending = run([sys.executable, "send.py"], {"PYTHONPATH": BOOTSTRAP, **sender})
    assert (sending.returncode, sending.stderr) == (0, ""), sending

    command = [sys.executable, "-m", "celery", "-A", "tasks", "worker"]
    settings = {
        "AUTOTRACE_EXPORTER": "jsonl",
        "AUTOTRACE_JSONL_ENDPOINT": str(tmp_path / "spans"),
        "AUTOTRACE_FLUSH_INTERVAL_MS": "60000",
    }
    worker = start("PYTHONPATH", [*command, *POOLS[pool], "-l", "error"], settings)
    for _ in range(TIMES + 1):
        worker.says("task ran")
    assert worker.stop() == 0, worker.lines
    assert not worker.ours()

    found = spans_in(tmp_path / "spans")
    parents = {span["trace_id"]: span["parent_id"] for span in found if span["parent_id"]}
    senders = [json.loads(line) for line in (tmp_path / "sent").read_text().splitlines()]
    assert len(found) == TIMES + 1 == distinct(found, "span_id")
    assert {span["kind"] for span in found} == {"consumer"}
    assert parents == {span["trace_id"]: span["span_id"] for span in senders}
