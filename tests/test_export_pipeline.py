"""Several destinations as one, and what a configuration makes of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from autotrace import guard
from autotrace.config import Config
from autotrace.export import EXPORTERS, memory, pipeline
from tests.export_server import Reply, collecting, refusing_url
from tests.export_spans import RESOURCE, numbered

PATIENCE = 20.0


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No other test has logged, and nothing is left in memory."""
    monkeypatch.setattr(guard, "_said", {})
    yield
    memory.SPANS.clear()


def test_every_row_of_the_table_can_be_opened() -> None:
    for exporter in EXPORTERS.values():
        assert callable(pipeline._load(exporter.opener))


def test_no_exporter_is_no_work() -> None:
    built = pipeline.build(Config(exporter=("none",)), RESOURCE)
    built.put(numbered(1)[0])
    assert (built.counters(), built.flush(0.0), built.shutdown()) == ({}, True, True)


def test_an_unknown_exporter_is_said_and_left_out(capfd: pytest.CaptureFixture[str]) -> None:
    built = pipeline.build(Config(exporter=("zipkn", "memory")), RESOURCE)
    assert list(built.counters()) == ["memory"]
    assert '"zipkn" is no exporter; AUTOTRACE_EXPORTER takes otlp, zip' in capfd.readouterr().err


def test_memory_has_a_span_as_soon_as_it_ended() -> None:
    built = pipeline.build(Config(exporter=("memory",)), RESOURCE)
    (span,) = numbered(1)
    built.put(span)
    assert [span] == memory.SPANS
    assert built.counters() == {"memory": {"sent": 1, "dropped": 0, "failed": 0, "queued": 0}}


def test_every_destination_gets_every_span(tmp_path: Path) -> None:
    lines = tmp_path / "spans.jsonl"
    with collecting() as otlp, collecting(Reply(202)) as zipkin:
        config = Config(
            exporter=("otlp", "zipkin", "jsonl", "memory"),
            otlp_endpoint=otlp.url,
            zipkin_endpoint=zipkin.url,
            jsonl_endpoint=str(lines),
        )
        built = pipeline.build(config, RESOURCE)
        for span in numbered(3):
            built.put(span)
        assert built.flush(PATIENCE)
        assert len(json.loads(zipkin.received().body)) == 3
        assert otlp.received().body
    assert len(lines.read_text().splitlines()) == len(memory.SPANS) == 3
    assert {name: each["sent"] for name, each in built.counters().items()} == {
        "otlp": 3,
        "zipkin": 3,
        "jsonl": 3,
        "memory": 3,
    }
    built.shutdown()


def test_a_destination_that_hangs_does_not_hold_another() -> None:
    hold = threading.Event()
    with collecting(Reply(hold=hold)) as otlp, collecting(Reply(202)) as zipkin:
        config = Config(
            exporter=("otlp", "zipkin"),
            otlp_endpoint=otlp.url,
            zipkin_endpoint=zipkin.url,
        )
        built = pipeline.build(config, RESOURCE)
        built.put(numbered(1)[0])
        assert not built.flush(0.05)
        otlp.received()
        zipkin.received()
        hold.set()
        assert built.flush(PATIENCE)
        built.shutdown()


def test_a_shutdown_waits_for_what_ends_meanwhile() -> None:
    hold = threading.Event()
    with collecting(Reply(202, hold=hold)) as zipkin:
        config = Config(exporter=("zipkin",), zipkin_endpoint=zipkin.url)
        built = pipeline.build(config, RESOURCE)
        last, later = numbered(2)
        built.put(last)
        leaving = threading.Thread(target=built.shutdown, args=[PATIENCE])
        leaving.start()
        zipkin.received()
        built.put(later)
        hold.set()
        leaving.join(PATIENCE)
    counters = built.counters()["zipkin"]
    assert counters == {"sent": 2, "dropped": 0, "failed": 0, "queued": 0}


def test_a_shutdown_has_one_deadline_for_all() -> None:
    hold = threading.Event()
    with collecting(Reply(hold=hold)) as hanging:
        config = Config(
            exporter=("otlp", "zipkin"),
            otlp_endpoint=hanging.url,
            zipkin_endpoint=hanging.url,
        )
        built = pipeline.build(config, RESOURCE)
        built.put(numbered(1)[0])
        built.shutdown(0.3)
        assert [each["failed"] for each in built.counters().values()] == [1, 1]
        # A later call, as by atexit after a multiprocessing finalizer, has no time of its own.
        deadline = built._deadline
        built.shutdown(PATIENCE)
        assert built._deadline == deadline
        hold.set()


def test_what_is_lost_is_said_with_the_variable_to_change(
    capfd: pytest.CaptureFixture[str],
) -> None:
    url = refusing_url()
    built = pipeline.build(Config(otlp_endpoint=url), RESOURCE)
    built.put(numbered(1)[0])
    assert built.shutdown(PATIENCE)
    assert capfd.readouterr().err == (
        f"autotrace: otlp: 1 span lost so far: {url}: Connection refused. "
        "AUTOTRACE_OTLP_ENDPOINT changes where spans go.\n"
    )
