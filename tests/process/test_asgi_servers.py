"""ASGI servers with workers and reloaders: one span a request, none is lost."""

from __future__ import annotations

import signal
import socket
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.process.programs import (
    Program,
    Start,
    arriving,
    ask,
    ask_often,
    distinct,
    listening,
    spans_in,
)

pytest.importorskip("uvicorn")

PYTHON = sys.executable
APPLICATION = r"""
import os

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        # In one piece: `print` writes a line's end by itself, and a worker may come between.
        os.write(1, b"version 1 is ready\n")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    body = f"version 1 {os.getpid()}".encode()
    length = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": length})
    await send({"type": "http.response.body", "body": body})
"""


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "app.py").write_text(APPLICATION)
    # So long that only the end of a process sends anything.
    return {
        "AUTOTRACE_EXPORTER": "jsonl",
        "AUTOTRACE_JSONL_ENDPOINT": str(tmp_path / "spans"),
        "OTEL_BSP_SCHEDULE_DELAY": "60000",
    }


@pytest.fixture
def site(start: Start, variables: dict[str, str]) -> Start:
    """Starts a server of the application by `PYTHONPATH` alone, at a socket that listens."""

    def site(listener: socket.socket, ready: int, *command: str) -> Program:
        bound = [each.replace("FD", str(listener.fileno())) for each in command]
        program = start("PYTHONPATH", [PYTHON, "-m", *bound], variables, [listener.fileno()])
        program.says_all(*["version 1 is ready"] * ready)
        return program

    return site


SERVERS = {
    "uvicorn": (1, "uvicorn --fd FD app:app"),
    "uvicorn with workers": (2, "uvicorn --fd FD --workers 2 app:app"),
    "hypercorn": (1, "hypercorn -b fd://FD app:app"),
    "gunicorn with uvicorn": (
        2,
        "gunicorn -b fd://FD -w 2 -k uvicorn.workers.UvicornWorker app:app",
    ),
}
if find_spec("gunicorn.asgi"):
    # Its worker of its own came with 24.
    SERVERS["gunicorn"] = (2, "gunicorn -b fd://FD -w 2 -k asgi app:app")


@pytest.mark.parametrize("server", SERVERS)
def test_every_request_is_one_span(server: str, site: Start, tmp_path: Path) -> None:
    workers, command = SERVERS[server]
    with listening() as listener:
        program = site(listener, workers, *command.split())
        replies = ask_often(listener.getsockname()[1], 100)
        program.stop()
    assert [reply.status for reply in replies] == [200] * 100
    assert len({reply.body for reply in replies}) <= workers
    spans = spans_in(tmp_path / "spans")
    assert (len(spans), distinct(spans, "span_id"), program.ours()) == (100, 100, [])


def test_hypercorns_workers(site: Start, tmp_path: Path, variables: dict[str, str]) -> None:
    """It kills those that are not done yet when the first has ended, so that these may lose what
    was not sent before.
    """
    variables["OTEL_BSP_SCHEDULE_DELAY"] = "100"
    with arriving(tmp_path / "spans") as next_span, listening() as listener:
        program = site(listener, 2, *["hypercorn", "-b", "fd://FD", "-w", "2", "app:app"])
        replies = ask_often(listener.getsockname()[1], 100)
        spans = [next_span() for _ in range(100)]
        program.stop()
    assert [reply.status for reply in replies] == [200] * 100
    assert (distinct(spans, "span_id"), program.ours()) == (100, [])


def test_granian_loses_nothing(start: Start, tmp_path: Path, variables: dict[str, str]) -> None:
    pytest.importorskip("granian")
    with listening() as listener:
        port = listener.getsockname()[1]
    command = ["-m", "granian", "--interface", "asgi", "--workers", "2", "--port", str(port)]
    program = start("PYTHONPATH", [PYTHON, *command, "app:app"], variables)
    program.says_all("Started worker-1", "Started worker-2")
    replies = ask_often(port, 100)
    program.stop(signal.SIGINT)
    assert [reply.status for reply in replies] == [200] * 100
    spans = spans_in(tmp_path / "spans")
    assert (len(spans), distinct(spans, "span_id"), program.ours()) == (100, 100, [])


def test_the_reloader_of_uvicorn(site: Start, tmp_path: Path) -> None:
    with listening() as listener:
        program = site(listener, 1, *["uvicorn", "--fd", "FD", "--reload", "app:app"])
        port = listener.getsockname()[1]
        assert ask(port).body.startswith(b"version 1 ")
        code = APPLICATION.replace("version 1", "version 22")
        program.sees(tmp_path / "app.py", code, "detected changes")
        program.says("version 22 is ready")
        assert ask(port).body.startswith(b"version 22 ")
        program.interrupt()
    spans = spans_in(tmp_path / "spans")
    assert (len(spans), distinct(spans, "span_id"), program.ours()) == (2, 2, [])
