"""Lightstep: OTLP with its access token."""

from __future__ import annotations

from pathlib import Path

import pytest

from autotrace.config import Config
from autotrace.export import pipeline
from autotrace.export.lightstep import open_receiver
from autotrace.export.receiver import Outcome, Patience
from tests.export_server import Reply, collecting
from tests.export_spans import RESOURCE, make_span, numbered


def test_spans_arrive_with_the_token() -> None:
    with collecting() as collector:
        config = Config(
            exporter=("lightstep",),
            lightstep_endpoint=f"{collector.url}/v1/traces",
            lightstep_token="hush",
        )
        sending = pipeline.build(config, RESOURCE)
        sending.put(make_span())
        assert sending.flush(20.0)
        assert sending.counters()["lightstep"]["sent"] == 1
        request = collector.received()
        sending.shutdown()
    assert request.path == "/v1/traces"
    assert request.headers["lightstep-access-token"] == "hush"
    assert request.headers["content-type"] == "application/x-protobuf"


@pytest.mark.parametrize(("text", "token"), [("hush\n", "hush"), ("", None)])
def test_the_token_may_stand_in_a_file(tmp_path: Path, text: str, token: str | None) -> None:
    file = tmp_path / "token"
    file.write_text(text)
    with collecting() as collector:
        config = Config(lightstep_endpoint=collector.url, lightstep_token_file=str(file))
        assert open_receiver(config, RESOURCE).deliver(numbered(1), Patience()).sent == 1
        assert collector.received().headers.get("lightstep-access-token") == token


def test_a_file_that_is_not_there_loses_the_spans_and_it_is_said(tmp_path: Path) -> None:
    config = Config(lightstep_token_file=str(tmp_path / "none"))
    outcome = open_receiver(config, RESOURCE).deliver(numbered(2), Patience())
    assert outcome.failed == 2
    assert outcome.problem.startswith(f"no access token in {tmp_path / 'none'}: ")


def test_a_token_that_is_refused_is_not_tried_again() -> None:
    with collecting(Reply(401)) as collector:
        config = Config(lightstep_endpoint=f"{collector.url}/v1/traces", lightstep_token="old")
        outcome = open_receiver(config, RESOURCE).deliver(numbered(1), Patience())
        assert len(collector.so_far()) == 1
    assert outcome == Outcome(failed=1, problem=f"{collector.url}/v1/traces answered 401")
