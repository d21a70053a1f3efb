"""Lines of JSON: their shape, and that processes may share a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from autotrace.export.jsonl import Lines, encode
from autotrace.export.receiver import Outcome, Patience
from autotrace.span import Event, Link
from tests.export_spans import PARENT_ID, RESOURCE, SPAN_ID, START, TRACE_ID, make_span, numbered


def test_a_whole_line() -> None:
    span = make_span(
        tags=[("http.method", "GET"), ("size", 7), ("nan", float("nan"))],
        status=2,
        reason="reset",
        events=[Event("miss", START, {"n": (1,)})],
        links=[Link(TRACE_ID, PARENT_ID, "", {"why": "batch"})],
    )
    body = encode([span], RESOURCE)
    assert body.endswith(b"}\n")
    assert json.loads(body) == {
        "trace_id": TRACE_ID,
        "span_id": SPAN_ID,
        "parent_id": PARENT_ID,
        "name": "shop.example.com",
        "kind": "server",
        "service": "Shop",
        "start": START,
        "duration_ns": 12_345_678,
        "status": "error",
        "status_message": "reset",
        "tags": {"http.method": "GET", "size": 7, "nan": "nan"},
        "events": [{"name": "miss", "time": START, "attributes": {"n": [1]}}],
        "links": [{"trace_id": TRACE_ID, "span_id": PARENT_ID, "attributes": {"why": "batch"}}],
    }


def test_a_line_break_in_a_value_breaks_no_line() -> None:
    assert encode([make_span("a\nb\u2028c")], RESOURCE).count(b"\n") == 1


def test_batches_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "spans.jsonl"
    for receiver in (Lines(str(path), RESOURCE), Lines(str(path), RESOURCE)):
        assert receiver.deliver(numbered(2), Patience()) == Outcome(sent=2)
    ids = [json.loads(line)["span_id"] for line in path.read_text().splitlines()]
    assert ids == [f"{1:016x}", f"{2:016x}"] * 2


def test_a_span_that_cannot_be_told_takes_no_other_with_it(tmp_path: Path) -> None:
    path = tmp_path / "spans.jsonl"
    first, last = numbered(2)
    spans = [first, make_span(kind=99), last]
    outcome = Lines(str(path), RESOURCE).deliver(spans, Patience())
    assert outcome == Outcome(sent=2, failed=1, problem="a span cannot be encoded")
    assert [json.loads(line)["span_id"] for line in path.read_text().splitlines()] == [
        first.span_id,
        last.span_id,
    ]


def test_a_file_that_was_moved_away_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "spans.jsonl"
    receiver = Lines(str(path), RESOURCE)
    receiver.deliver(numbered(1), Patience())
    path.rename(tmp_path / "old.jsonl")
    receiver.deliver(numbered(1), Patience())
    assert len(path.read_text().splitlines()) == 1


def test_without_a_file_it_is_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    Lines("", RESOURCE).deliver(numbered(1), Patience())
    captured = capfd.readouterr()
    assert (json.loads(captured.err)["service"], captured.out) == ("Shop", "")


def test_a_file_that_cannot_be_written_is_an_outcome(tmp_path: Path) -> None:
    outcome = Lines(str(tmp_path), RESOURCE).deliver(numbered(2), Patience())
    assert outcome.failed == 2
    assert outcome.problem.startswith(f"{tmp_path} cannot be written: ")
