"""`autotrace demo` as a user runs it, and the pure parts of it."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import pytest

from autotrace.cli.demo import flow
from autotrace.cli.demo.cases import CASES
from autotrace.cli.demo.page import NARROWEST, Page
from autotrace.cli.demo.program import Failed, Program
from autotrace.cli.demo.relay import Heads, Request
from autotrace.cli.demo.tour import Outcome

ROOT = Path(__file__).parent.parent
COMMAND = [sys.executable, "-m", "autotrace", "demo"]
WITHIN = 60
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def environ(**others: str) -> dict[str, str]:
    """The environment of a user who has set nothing of ours."""
    names = ("AUTOTRACE_", "OTEL_", "NO_COLOR", "COLUMNS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(names)}
    return {**kept, "TERM": "xterm", **others}


def marked(mark: str) -> set[int]:
    """The pids of all processes that inherited a mark in their environment."""
    found = set()
    for each in Path("/proc").iterdir():
        try:
            if each.name.isdigit() and mark.encode() in (each / "environ").read_bytes():
                found.add(int(each.name))
        except OSError:
            continue
    return found


# The command.


@pytest.fixture(scope="module")
def mark() -> str:
    return uuid.uuid4().hex


@pytest.fixture(scope="module")
def ended(mark: str) -> subprocess.CompletedProcess[str]:
    """One whole run, written to a pipe of 80 columns."""
    return subprocess.run(
        COMMAND,
        cwd=ROOT,
        env=environ(COLUMNS="80", DEMO_MARK=mark),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=WITHIN,
    )


def sections(text: str) -> list[str]:
    """What is shown of each request."""
    body = re.split(r"^Next ─+$", text, flags=re.MULTILINE)[0]
    return re.split(r"^\d (?=.* ─+$)", body, flags=re.MULTILINE)[1:]


def row(section: str, name: str) -> list[str]:
    """The cells of a header's row."""
    [line] = re.findall(rf"^  {re.escape(name)} +(.*)$", section, re.MULTILINE)
    return re.split(r"  +", line)


def test_it_ends_well_and_says_nothing_on_standard_error(
    ended: subprocess.CompletedProcess[str],
) -> None:
    assert ended.stderr == ""
    assert ended.returncode == 0


@on_linux
def test_no_program_survives_it(ended: subprocess.CompletedProcess[str], mark: str) -> None:
    assert ended.returncode == 0
    assert marked(mark) == set()


def test_every_trace_crosses_three_services(ended: subprocess.CompletedProcess[str]) -> None:
    shown = sections(ended.stdout)
    assert [text.splitlines()[0].rstrip("─ ") for text in shown] == [case.title for case in CASES]
    for case, text in zip(CASES, shown, strict=True):
        if case.recorded:
            assert "9 spans, 3 services" in text
            name = r"[\w/]+(?: [\w/]+)*"
            lines = re.findall(rf"^  [0-9a-f]{{4}}  (\w+) +([▸→]) ({name}) +200 ", text, re.M)
            assert [" ".join(line) for line in lines] == [
                "shop ▸ GET /basket",
                "shop → stock",
                "stock ▸ GET /offers",
                "stock → prices",
                "prices ▸ GET /prices",
                "prices → stock",
                "stock ▸ GET /count",
                "prices → stock",
                "stock ▸ GET /count",
            ]
        else:
            assert "no span in any of the three" in text


def test_the_ids_on_the_wire_are_those_of_the_calls(
    ended: subprocess.CompletedProcess[str],
) -> None:
    for case, text in zip(CASES, sections(ended.stdout), strict=True):
        if case.recorded:
            calls = re.findall(r"^  ([0-9a-f]{4})  \w+ +→", text, re.M)
            sent = re.findall(r"[0-9a-f]{4}-([0-9a-f]{4})-01(?: |$)", text, re.M)
            assert set(calls) <= set(sent)


@pytest.mark.parametrize(
    ("number", "name", "cells"),
    [
        (1, "traceparent", ["·", *[r"[0-9a-f]{4}-[0-9a-f]{4}-01"] * 3]),
        (1, "x-request-id", ["·", *[r"[0-9a-f]{4}…9…"] * 3]),
        (2, "traceparent", ["4bf9-00f0-01", *["4bf9-[0-9a-f]{4}-01"] * 3]),
        (2, "tracestate", ["congo=t61rcWkgMzE", "on every hop"]),
        (2, "baggage", ["user.id=ann,plan=gold;source=crm", "on every hop"]),
        (3, "x-b3-traceid", ["463a"] * 4),
        (3, "x-b3-flags", ["1"] * 4),
        (4, "b3", ["80f1-e457-1", "80f1-[0-9a-f]{4}-.*", "80f1-.*", "80f1-.*"]),
        (5, "x-request-id", ["7d2c…4…", *["7d2c…b…"] * 3]),
        (5, "x-client-trace-id", ["order-4711", "·", "·", "·"]),
        (6, "traceparent", ["0af7-b7ad-00"] * 4),
        (6, "x-b3-sampled", ["·", "0", "0", "0"]),
        (7, "sw8", ["1-MTIzNA==-.*"] * 4),
    ],
)
def test_what_came_in_and_went_out_on_each_hop(
    ended: subprocess.CompletedProcess[str], number: int, name: str, cells: Sequence[str]
) -> None:
    found = row(sections(ended.stdout)[number - 1], name)
    assert len(found) == len(cells)
    assert all(re.fullmatch(cell, text) for cell, text in zip(cells, found, strict=True)), found


def test_it_fits_into_80_columns_and_has_no_colours_in_a_pipe(
    ended: subprocess.CompletedProcess[str],
) -> None:
    assert "\x1b" not in ended.stdout
    assert max(map(len, ended.stdout.splitlines())) <= 80


def test_it_has_colours_on_a_terminal() -> None:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        COMMAND, cwd=ROOT, env=environ(), stdin=follower, stdout=follower, stderr=follower
    )
    os.close(follower)
    text = b""
    try:
        while data := os.read(leader, 65536):
            text += data
    except OSError:
        # Linux's way to say that nobody has the other end open.
        pass
    finally:
        os.close(leader)
    assert process.wait(WITHIN) == 0
    assert b"\x1b[32m4bf9\x1b[0m" in text


# Its end by other means.


def started(mark: str) -> subprocess.Popen[bytes]:
    """The command, running, with its three programs running too."""
    process = subprocess.Popen(
        COMMAND,
        cwd=ROOT,
        env=environ(DEMO_MARK=mark),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + WITHIN
    while len(marked(mark)) < 4 and process.poll() is None:
        assert time.monotonic() < deadline
    return process


@on_linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_its_programs(number: signal.Signals) -> None:
    mark = uuid.uuid4().hex
    process = started(mark)
    process.send_signal(number)
    out, err = process.communicate(timeout=WITHIN)
    assert (process.returncode, out, err) == (128 + number, b"", b"")
    assert marked(mark) == set()


def test_a_reader_that_leaves_is_no_error() -> None:
    # A shell, as `autotrace demo | head -1` is what people type.
    line = f"{' '.join(COMMAND)} | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=ROOT,
        env=environ(),
        capture_output=True,
        text=True,
        timeout=WITHIN,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[1] == "0"


def test_without_its_libraries_it_names_the_remedy() -> None:
    """-S leaves site-packages out."""
    done = subprocess.run(
        [sys.executable, "-S", *COMMAND[1:]],
        cwd=ROOT,
        env={**environ(), "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        timeout=WITHIN,
    )
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.endswith("pip install flask requests urllib3")


def test_a_program_that_does_not_start_is_named_with_what_it_said() -> None:
    code = "print('no such stock'); raise SystemExit(3)"
    program = Program(
        "stock", [sys.executable, "-c", code], 1, {**environ(), "PYTHONPATH": str(ROOT)}
    )
    try:
        with pytest.raises(Failed, match="stock ended with 3\nno such stock"):
            program.wait_until_ready()
    finally:
        program.stop()


# When a trace is not as it should be.

ONE = Request("GET / HTTP/1.1", ())
HOPS = ((ONE,), (ONE,), (ONE,), (ONE, ONE))


def spans(count: int, adrift: int = 0) -> tuple[dict[str, object], ...]:
    """A root with children, and some that name a parent that is not there."""
    parents = ["", *["0"] * (count - 1 - adrift), *["gone"] * adrift]
    return tuple({"id": str(number), "parentId": each} for number, each in enumerate(parents))


RECORDED, UNRECORDED = CASES[0], CASES[5]


@pytest.mark.parametrize(
    ("outcome", "problem"),
    [
        (Outcome(RECORDED, 200, HOPS, spans(9), {}), ""),
        (Outcome(RECORDED, 500, HOPS, spans(9), {}), "the shop answered 500"),
        (Outcome(RECORDED, 200, HOPS, spans(8), {}), "8 spans arrived, not 9"),
        (Outcome(RECORDED, 200, HOPS, spans(9, 2), {}), "the trace is in 3 pieces"),
        (Outcome(RECORDED, 200, HOPS[:3], spans(9), {}), "the hops saw (1, 1, 1) requests"),
        (Outcome(UNRECORDED, 200, HOPS, (), {}), ""),
        (Outcome(UNRECORDED, 200, HOPS, spans(1), {}), "1 spans arrived, not 0"),
    ],
)
def test_what_is_wrong_with_a_trace_is_said(outcome: Outcome, problem: str) -> None:
    assert outcome.problem == problem


# The pure parts.

HEAD = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nX-B3-Sampled:  1\r\n\r\nhello"
PARSED = Request(
    "POST /a HTTP/1.1", (("host", "x"), ("content-length", "5"), ("x-b3-sampled", "1"))
)


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_heads_are_found_wherever_the_bytes_are_cut(step: int) -> None:
    heads = Heads()
    data = HEAD * 3
    found = [each for at in range(0, len(data), step) for each in heads.feed(data[at : at + step])]
    assert found == [PARSED] * 3


def request(**headers: str) -> Request:
    """A request with headers, underscores for dashes."""
    return Request("", tuple((name.replace("_", "-"), value) for name, value in headers.items()))


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
UUID = "7d2c1f3a-0b5e-4c8d-9e6f-1a2b3c4d5e6f"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("traceparent", f"00-{TRACE}-{SPAN}-01", "4bf9-00f0-01"),
        ("traceparent", f"00-0000000000000000{SPAN}-{SPAN}-00", "00f0-00f0-00"),
        ("b3", f"{TRACE}-{SPAN}-d-{SPAN}", "4bf9-00f0-d-00f0"),
        ("traceparent", "nonsense", "nonsense"),
        ("b3", "0", "0"),
        ("x-b3-traceid", TRACE, "4bf9"),
        ("x-b3-spanid", SPAN, "00f0"),
        ("x-request-id", UUID, "7d2c…4…"),
        ("x-request-id", "order-4711", "order-4711"),
        ("baggage", "a=b", "a=b"),
    ],
)
def test_ids_are_cut_and_all_else_is_shown_as_it_is(name: str, value: str, text: str) -> None:
    [row] = flow.rows([[Request("", ((name, value),))]], 4)
    assert row.hops[0][0].text == text


def test_a_value_belongs_to_the_hop_that_it_was_first_seen_on() -> None:
    hops = [
        [request(x_request_id=UUID)],
        [request(x_request_id=UUID.replace("-4", "-b"), b3=f"{TRACE}-{SPAN}-1")],
        [request(b3=f"{TRACE}-e457b5a2e4d86bd1-1")],
    ]
    seen = flow.first_seen(flow.rows(hops, 4))
    assert seen[UUID.replace("-4", "-")] == 0
    assert seen["reason b"] == 1
    assert (seen[TRACE], seen[SPAN], seen["e457b5a2e4d86bd1"]) == (1, 1, 2)


def test_headers_that_trace_nothing_are_left_out_and_the_rest_is_in_order() -> None:
    hop = [request(host="x", accept="*/*", b3="1", baggage="a=b", sw8="1", x_request_id="r")]
    assert [row.name for row in flow.rows([hop], 4)] == ["x-request-id", "baggage", "b3", "sw8"]


def test_a_narrow_terminal_gets_what_fits_into_80_columns() -> None:
    assert NARROWEST <= 80
    outcome = Outcome(UNRECORDED, 200, HOPS, (), {})
    assert max(map(len, Page(20, False).request(1, outcome))) <= 80
