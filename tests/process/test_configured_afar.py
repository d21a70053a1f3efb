"""What servers of the tracers' makers say while a program runs counts in each of its processes."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from tests.export_server import Received, Reply, collecting
from tests.process.programs import PATIENCE, Start, ask, listening
from tests.test_datadog_remote_config import answer, config

gunicorn = pytest.importorskip("gunicorn")

APPLICATION = """
import os
from opentelemetry import trace

def app(environ, start_response):
    recorded = trace.get_current_span().is_recording()
    body = f"{os.getpid()} {'recorded' if recorded else 'not recorded'}".encode()
    start_response("200 OK", [("content-length", str(len(body)))])
    return [body]
"""


# Since 25.1 the master has a thread of its own for a control interface, and a socket in $HOME.
QUIET = ("--no-control-socket",) if gunicorn.version_info >= (25, 1) else ()


def test_each_worker_asks_datadogs_agent(start: Start, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APPLICATION)
    listener = listening()
    bind = f"fd://{listener.fileno()}"
    options = ("-b", bind, "-w", "2", "--preload", *QUIET)
    words = (sys.executable, "-m", "gunicorn", *options, "app:app")
    told = answer(config({"tracing_sampling_rate": 0.0}))
    clients: set[str] = set()

    def judge(asked: Received) -> Reply:
        clients.add(json.loads(asked.body)["client"]["id"])
        return Reply(body=told)

    with collecting(judge=judge) as agent:
        variables = {
            "AUTOTRACE_PROVIDER": "datadog",
            "AUTOTRACE_DATADOG_REMOTE_CONFIG_INTERVAL": "0.5",
            "DD_TRACE_AGENT_URL": agent.url,
            "AUTOTRACE_EXPORTER": "none",
        }
        program = start("autotrace-run", words, variables, (listener.fileno(),))
        said: dict[bytes, set[bytes]] = {}
        deadline = time.monotonic() + PATIENCE
        while sum(b"not recorded" in states for states in said.values()) < 2:
            assert time.monotonic() < deadline, (said, program.lines)
            pid, _, state = ask(listener.getsockname()[1]).body.partition(b" ")
            said.setdefault(pid, set()).add(state)
        # Nobody asks anything in the master, where there are no calls.
        assert program.tasks() == 1
        assert program.stop() == 0
    assert list(said.values()) == [{b"recorded", b"not recorded"}] * 2
    assert program.ours() == []
    # Each process is somebody of its own.
    assert len(clients) == 2


def test_a_server_that_is_not_there_is_named_once(start: Start, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        APPLICATION + "import wsgiref.simple_server as server\n"
        "listening = server.make_server('127.0.0.1', 0, app)\n"
        "print('at', listening.server_port)\n"
        "listening.serve_forever()\n"
    )
    variables = {
        "AUTOTRACE_EXPORTER": "none",
        "AUTOTRACE_PROVIDER": "datadog",
        "AUTOTRACE_DATADOG_REMOTE_CONFIG_INTERVAL": "0.01",
        "DD_TRACE_AGENT_URL": "http://127.0.0.1:1",
    }
    program = start("autotrace-run", (sys.executable, "app.py"), variables)
    port = int(program.says("at ").split()[1])
    assert ask(port).body.endswith(b"recorded")
    program.says("datadog remote configuration: http://127.0.0.1:1/v0.7/config: Connection refused")
    for _ in range(3):
        assert ask(port).status == 200
        time.sleep(0.05)
    program.stop()
    assert len(program.ours()) == 1
