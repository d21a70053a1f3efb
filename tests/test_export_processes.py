"""Whole processes: what they finished arrives, once, however they fork and end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.export_server import Collector, Reply, black_hole, collecting, refusing_url

ROOT = Path(__file__).parent.parent
PATIENCE = 60.0
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}

# From 3.12 on Python warns where a program with a second thread forks.
PYTHON = [sys.executable, "-W", "ignore::DeprecationWarning"]
PRELUDE = """
import os, sys
from autotrace.config import Config
from autotrace.export import pipeline
from tests.export_spans import RESOURCE, make_span

built = pipeline.build(
    Config(
        exporter=("zipkin",),
        zipkin_endpoint=sys.argv[1],
        zipkin_timeout=600.0,
        exit_timeout_ms=int(sys.argv[2]),
    ),
    RESOURCE,
)

def end(name):
    built.put(make_span(name))
"""


def run(program: str, url: str, exit_timeout_ms: int = 30_000) -> subprocess.CompletedProcess[str]:
    """Runs the program to its end."""
    return subprocess.run(
        [*PYTHON, "-c", PRELUDE + program, url, str(exit_timeout_ms)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def names(collector: Collector) -> Counter[str]:
    """How often each span arrived."""
    return Counter(
        span["name"] for request in collector.so_far() for span in json.loads(request.body)
    )


def arrived(program: str) -> Counter[str]:
    """How often each span of the program arrived; it must end well and say nothing."""
    with collecting(Reply(202)) as collector:
        ran = run(program, collector.url)
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
        return names(collector)


def test_a_program_that_ends_at_once() -> None:
    assert arrived("end('a'); end('b')") == {"a": 1, "b": 1}


def test_a_program_that_ends_with_more_than_a_batch() -> None:
    assert arrived("for n in range(2000): end('a')") == {"a": 2000}


def test_a_program_that_is_told_to_end() -> None:
    program = """
import signal
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
end('a')
os.kill(os.getpid(), signal.SIGTERM)
signal.pause()
"""
    assert arrived(program) == {"a": 1}


def test_a_span_that_an_exit_handler_ends_after_ours() -> None:
    assert arrived("import atexit; atexit.register(end, 'late'); end('a')") == {"a": 1, "late": 1}


def test_a_fork_sends_each_span_once() -> None:
    program = """
end('before')
pid = os.fork()
if not pid:
    end('child')
    sys.exit(0)
end('parent')
os.waitpid(pid, 0)
"""
    assert arrived(program) == {"before": 1, "child": 1, "parent": 1}


def test_a_fork_after_the_worker_has_sent() -> None:
    program = """
end('before')
assert built.flush(30)
pid = os.fork()
if not pid:
    assert built.counters()['zipkin']['sent'] == 0
    end('child')
    sys.exit(0)
os.waitpid(pid, 0)
end('after')
"""
    assert arrived(program) == {"before": 1, "child": 1, "after": 1}


def test_a_child_that_ends_no_span_sends_none() -> None:
    program = """
end('before')
pid = os.fork()
if not pid:
    sys.exit(0)
os.waitpid(pid, 0)
"""
    assert arrived(program) == {"before": 1}


def test_workers_of_a_master_that_never_ended_a_span() -> None:
    program = """
def threads():
    return len(os.listdir('/proc/self/task')) if os.path.isdir('/proc/self/task') else 1

pids = []
for worker in range(4):
    pid = os.fork()
    if not pid:
        for n in range(250):
            end(f'worker-{worker}')
        sys.exit(0)
    pids.append(pid)
for pid in pids:
    os.waitpid(pid, 0)
assert threads() == 1
"""
    assert arrived(program) == {f"worker-{worker}": 250 for worker in range(4)}


@pytest.mark.parametrize("way", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing(way: str, tmp_path: Path) -> None:
    """They leave through os._exit, so that atexit never runs."""
    program = tmp_path / "program.py"
    program.write_text(
        PRELUDE
        + f"""
import multiprocessing

if __name__ == '__main__':
    end('before')
    context = multiprocessing.get_context({way!r})
    child = context.Process(target=end, args=('child',))
    child.start()
    child.join()
    assert child.exitcode == 0
    end('after')
"""
    )
    with collecting(Reply(202)) as collector:
        ran = subprocess.run(
            [*PYTHON, str(program), collector.url, "30000"],
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert (ran.returncode, ran.stderr) == (0, "")
        assert names(collector) == {"before": 1, "child": 1, "after": 1}


def test_forks_under_load_never_hang() -> None:
    program = """
import threading

stop = threading.Event()

def load():
    while not stop.is_set():
        end('load')

workers = [threading.Thread(target=load) for _ in range(2)]
for worker in workers:
    worker.start()
for number in range(100):
    pid = os.fork()
    if not pid:
        end('child')
        os._exit(0 if built.flush(30) else 1)
    assert os.waitpid(pid, 0)[1] == 0
stop.set()
for worker in workers:
    worker.join()
os._exit(0)
"""
    with collecting(Reply(202)) as collector:
        ran = run(program, collector.url)
        assert (ran.returncode, ran.stdout) == (0, "")
        assert "Traceback" not in ran.stderr
        assert names(collector)["child"] == 100


def test_a_black_hole_holds_the_end_no_longer_than_configured() -> None:
    """Its own time-out is ten minutes; that the process ends at all is the point."""
    with black_hole() as url:
        ran = run("for n in range(1000): end('a')", url, exit_timeout_ms=300)
    assert ran.returncode == 0
    (line,) = ran.stderr.splitlines()
    assert line.startswith("autotrace: zipkin: ")
    assert line.endswith("AUTOTRACE_ZIPKIN_ENDPOINT changes where spans go.")


def test_a_refusing_address_is_said_in_one_line() -> None:
    ran = run("for n in range(2000): end('a')", refusing_url())
    assert ran.returncode == 0
    assert ran.stderr.count("\n") == 1
    assert "2000 spans lost so far" in ran.stderr
    assert "Connection refused" in ran.stderr


def test_a_slow_receiver_gets_what_fits_before_the_deadline() -> None:
    import threading

    hold = threading.Event()
    with collecting(Reply(202, hold=hold)) as collector:
        ran = run("end('a')", collector.url, exit_timeout_ms=300)
        hold.set()
    assert (ran.returncode, ran.stderr.count("timed out")) == (0, 1)


def test_nothing_is_imported_before_the_first_span() -> None:
    program = """
import sys
from autotrace.config import Config
from autotrace.span import Span
from autotrace.export.resource import Resource
config = Config(exporter=("otlp", "zipkin", "jsonl", "console"))
before = set(sys.modules)
from autotrace.export import pipeline
pipeline.build(config, Resource.from_config(config))
loaded = {name for name in set(sys.modules) - before if not name.startswith("autotrace")}
assert loaded <= {"_collections", "collections", "importlib"}, loaded
"""
    ran = subprocess.run(
        [*PYTHON, "-c", program], env=ENVIRONMENT, capture_output=True, text=True, timeout=PATIENCE
    )
    assert (ran.returncode, ran.stderr) == (0, "")
