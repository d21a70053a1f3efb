"""uWSGI, which forks its workers in C: spans of all of them, and no id twice."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.process.programs import Start, ask_often, distinct, listening, spans_in

UWSGI = shutil.which("uwsgi", path=str(Path(sys.executable).parent))

pytestmark = pytest.mark.skipif(UWSGI is None, reason="uwsgi is not installed beside Python")

APPLICATION = """
import os
from flask import Flask

application = Flask(__name__)

@application.get("/")
def index():
    return str(os.getpid())
"""
# A call at import: its span begins everything that exports, before the fork.
CALLING = """
import urllib.request

try:
    urllib.request.urlopen("http://127.0.0.1:1/", timeout=5)
except OSError:
    print("nobody there", flush=True)
"""
DECORATED = """
import os
from uwsgidecorators import postfork

@postfork
def forked():
    os.write(1, b"forked\\n")
"""
LAZY = ["--lazy-apps"]
WAYS = {
    "plain": (APPLICATION, []),
    "threads": (APPLICATION, ["--enable-threads"]),
    "lazy": (APPLICATION, LAZY),
    "a call before the fork": (CALLING + APPLICATION, []),
    "a call before the fork, threads": (CALLING + APPLICATION, ["--enable-threads"]),
    "a hook of its own": (APPLICATION + DECORATED, []),
    "a hook of its own, set first": (DECORATED + APPLICATION, []),
}


@pytest.mark.parametrize("way", WAYS)
def test_all_workers_are_traced(way: str, start: Start, tmp_path: Path) -> None:
    program, options = WAYS[way]
    (tmp_path / "app.py").write_text(program)
    with listening() as listener:
        running = start(
            "PYTHONPATH",
            [
                *(str(UWSGI), "--http-socket", f"fd://{listener.fileno()}", "-H", sys.prefix),
                *("--wsgi-file", "app.py", "--master", "--processes", "4", *options),
                # A worker that is told to end while it closes a connection skips `atexit`.
                *("--hook-master-start", "unix_signal:15 gracefully_kill_them_all"),
            ],
            {
                "AUTOTRACE_EXPORTER": "jsonl",
                "AUTOTRACE_JSONL_ENDPOINT": str(tmp_path / "spans"),
                "OTEL_BSP_SCHEDULE_DELAY": "60000",
            },
            [listener.fileno()],
        )
        # One that is told to end while it loads the application never does.
        loaded = ["WSGI app 0"] * (4 if options == LAZY else 0)
        running.says_all("spawned uWSGI worker 4", *loaded)
        replies = ask_often(listener.getsockname()[1], 40)
        running.stop()
    assert {reply.status for reply in replies} == {200}
    spans = [span for span in spans_in(tmp_path / "spans") if span["kind"] == "server"]
    assert (len(spans), distinct(spans, "span_id"), distinct(spans, "trace_id")) == (40, 40, 40)
    said = [line for line in running.lines if line.startswith("autotrace:")]
    assert (said, running.lines.count("forked")) == ([], 4 if DECORATED in program else 0)
