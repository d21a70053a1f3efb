"""gRPC waits in C; a program of green threads must not wait with it."""

from __future__ import annotations

import sys

import pytest

from tests.export_server import black_hole
from tests.process.processes import ROOT, Run

PATCHES = {
    "gevent": "from gevent import monkey; monkey.patch_all(); from gevent import sleep, spawn",
    "eventlet": "import eventlet; eventlet.monkey_patch(); from eventlet import sleep, spawn",
}
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from autotrace.export.grpc_sender import GrpcSender

ticks = []

def tick():
    while True:
        ticks.append(1)
        sleep(0.01)

spawn(tick)
sleep(0)
before = len(ticks)
answer = GrpcSender(sys.argv[2], {}, 0.5).unary("/a/b", b"", float("inf"))
print(answer.code, len(ticks) > before)
"""


@pytest.mark.parametrize("library", sorted(PATCHES))
def test_others_run_while_a_call_is_waited_for(run: Run, library: str) -> None:
    pytest.importorskip(library)
    with black_hole() as url:
        program = PATCHES[library] + PROGRAM
        ran = run([sys.executable, "-W", "ignore", "-c", program, str(ROOT), url])
    assert (ran.stdout, ran.stderr) == ("4 True\n", "")
