"""The console: a trace when it is complete, or a line a span."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from autotrace.export.console import MOST_HELD_BACK, Console
from autotrace.export.receiver import Outcome, Patience
from autotrace.span import CLIENT
from tests.export_spans import PARENT_ID, RESOURCE, SPAN_ID, TRACE_ID, make_span, numbered

CHILD = make_span("prices", kind=CLIENT, span_id="c" * 16, parent_id=SPAN_ID)
ROOT = make_span(tags=[("http.method", "GET")], parent_is_remote=True)


Make = Callable[[bool], tuple[Console, Path]]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes consoles that write into a file."""

    def made(terminal: bool) -> tuple[Console, Path]:
        path = tmp_path / "written"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
        return Console(descriptor, RESOURCE, terminal, width=80, colours=False), path

    return made


def test_a_trace_is_written_when_its_local_root_has_ended(make: Make) -> None:
    writing, written = make(True)
    assert writing.deliver([CHILD], Patience()) == Outcome()
    assert written.read_text() == ""
    assert writing.deliver([ROOT], Patience()) == Outcome(sent=2)
    lines = written.read_text().splitlines()
    assert lines[0] == f"trace {TRACE_ID}  2 spans, 1 service, 12.3 ms"
    assert [line.split("  ")[1] for line in lines[1:3]] == ["▸ GET shop.example.com", ""]


def test_what_has_no_root_is_written_at_the_end(make: Make) -> None:
    writing, written = make(True)
    writing.deliver([CHILD], Patience())
    writing.close()
    assert "prices" in written.read_text()


def test_what_is_held_back_is_bounded(make: Make) -> None:
    writing, written = make(True)
    writing.deliver(numbered(MOST_HELD_BACK), Patience())
    assert written.read_text() == ""
    assert writing.deliver([CHILD], Patience()) == Outcome(sent=MOST_HELD_BACK + 1)


def test_elsewhere_a_line_a_span(make: Make) -> None:
    writing, written = make(False)
    writing.deliver([CHILD, ROOT], Patience())
    assert written.read_text().splitlines() == [
        f"{TRACE_ID} {'c' * 16} {SPAN_ID} Shop client prices 12.346ms unset",
        f"{TRACE_ID} {SPAN_ID} {PARENT_ID} Shop server shop.example.com 12.346ms unset "
        "http.method=GET",
    ]


@pytest.mark.parametrize("terminal", [True, False])
def test_a_span_that_cannot_be_told_takes_no_other_with_it(make: Make, terminal: bool) -> None:
    writing, written = make(terminal)
    outcome = writing.deliver([make_span(kind=99), ROOT], Patience())
    assert outcome == Outcome(sent=1, failed=1, problem="a span cannot be described")
    assert "shop.example.com" in written.read_text()


def test_a_closed_descriptor_is_an_outcome(make: Make) -> None:
    writing, _ = make(False)
    os.close(writing._descriptor)
    assert writing.deliver([ROOT], Patience()).failed == 1
