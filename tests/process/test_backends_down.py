"""A receiver that is absent, silent, slow or refusing costs spans and nothing else."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from time import monotonic

import pytest

from tests.export_server import Reply, black_hole, collecting, refusing_url
from tests.process.programs import Start, ask_often, listening

PYTHON = sys.executable
# The promise is 2 s. A busy machine gets more, but far less than any time-out of a receiver.
SOON = 5.0
REQUESTS, QUEUE = 2000, 100
APPLICATION = f"""
import sys
from flask import Flask

app = Flask(__name__)

@app.get("/")
def index():
    return "text"

if __name__ == "__main__":
    client = app.test_client()
    for _ in range({REQUESTS}):
        assert client.get("/").status_code == 200
    (pipeline,) = sys.modules["autotrace.integration"]._pipelines
    print("queued:", pipeline.counters()["otlp"]["queued"])
    print("the end")
"""


class Seconds(threading.Event):
    """What a server waits for that takes its time."""

    def wait(self, timeout: float | None = None) -> bool:
        return super().wait(3.0)


@contextmanager
def nobody() -> Iterator[str]:
    yield refusing_url()


def answering(reply: Reply) -> Callable[[], AbstractContextManager[str]]:
    """A receiver that gives this answer to everything."""

    @contextmanager
    def receiver() -> Iterator[str]:
        with collecting(reply) as collector:
            yield collector.url
            if reply.hold is not None:
                reply.hold.set()

    return receiver


RECEIVERS = {
    "nobody listens": nobody,
    "a black hole": black_hole,
    "an answer after 3 s": answering(Reply(200, hold=Seconds())),
    "503": answering(Reply(503)),
    "503 for an hour": answering(Reply(503, headers=(("retry-after", "3600"),))),
    "429": answering(Reply(429)),
    "400": answering(Reply(400, b"no")),
}


@pytest.fixture(params=RECEIVERS)
def variables(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    (tmp_path / "app.py").write_text(APPLICATION)
    with RECEIVERS[request.param]() as url:
        yield {"AUTOTRACE_OTLP_ENDPOINT": url, "OTEL_BSP_MAX_QUEUE_SIZE": str(QUEUE)}


def test_the_queue_is_bounded_one_line_is_said_and_the_end_comes(
    variables: dict[str, str], start: Start
) -> None:
    program = start("PYTHONPATH", [PYTHON, "app.py"], variables)
    assert int(program.says("queued").split()[1]) <= QUEUE
    program.says("the end")
    began = monotonic()
    assert program.ends() == 0
    seconds = monotonic() - began
    assert seconds < SOON
    (line,) = program.ours()
    assert re.search(r"otlp: \d+ spans lost so far: .*AUTOTRACE_OTLP_ENDPOINT", line)


def test_a_server_with_workers_ends_as_soon(variables: dict[str, str], start: Start) -> None:
    pytest.importorskip("gunicorn")
    with listening() as listener:
        bind = f"fd://{listener.fileno()}"
        program = start(
            "autotrace-run",
            [PYTHON, "-m", "gunicorn", "-w", "2", "-b", bind, "--log-level", "error", "app:app"],
            variables,
            [listener.fileno()],
        )
        replies = ask_often(listener.getsockname()[1], 50)
        assert [reply.status for reply in replies] == [200] * 50
        began = monotonic()
        assert program.stop() == 0
        seconds = monotonic() - began
    assert seconds < SOON
    # One for each worker that answered something.
    assert len(program.ours()) <= 2
