"""What is sent again, what is given up, and how large a request becomes."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from autotrace import guard
from autotrace.config import Config
from autotrace.export import attempts, retry
from autotrace.export.batches import bodies
from autotrace.export.http_receiver import HttpReceiver, open_otlp, open_zipkin
from autotrace.export.receiver import Outcome, Patience
from autotrace.export.resource import Resource
from autotrace.export.retry import TRIES
from autotrace.span import Span
from tests.export_server import Collector, Reply, black_hole, collecting, refusing_url
from tests.export_spans import RESOURCE, make_span, numbered


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses are noted instead of made."""
    pauses: list[float] = []

    def noted(attempt: int, retry_after: str, now: float, chance: float) -> float:
        pauses.append(retry.pause(attempt, retry_after, now, chance))
        return 0.0

    monkeypatch.setattr(attempts, "pause", noted)
    monkeypatch.setattr(guard, "_said", {})
    return pauses


def otlp(collector: Collector) -> HttpReceiver:
    """The receiver as a configuration opens it."""
    opened = open_otlp(Config(otlp_endpoint=f"{collector.url}/v1/traces"), RESOURCE)
    assert isinstance(opened, HttpReceiver)
    return opened


def zipkin(collector: Collector) -> HttpReceiver:
    """The receiver as a configuration opens it."""
    return open_zipkin(Config(zipkin_endpoint=f"{collector.url}/api/v2/spans"), RESOURCE)


def leaving(seconds: float) -> Patience:
    """The patience of a program that ends."""
    patience = Patience()
    patience.leave_by(time.monotonic() + seconds)
    return patience


def test_a_healthy_receiver() -> None:
    with collecting() as collector:
        assert otlp(collector).deliver(numbered(3), Patience()) == Outcome(sent=3)
        sent = collector.received()
    assert (sent.path, sent.headers["content-type"]) == ("/v1/traces", "application/x-protobuf")
    request = ExportTraceServiceRequest.FromString(sent.body)
    assert len(request.resource_spans[0].scope_spans[0].spans) == 3


def test_otlp_in_json_bare_with_headers() -> None:
    with collecting(Reply(body=b"{}")) as collector:
        config = Config(
            otlp_endpoint=f"{collector.url}/v1/traces",
            otlp_protocol="http/json",
            otlp_compression="none",
            otlp_headers={"x-key": "k"},
        )
        assert open_otlp(config, RESOURCE).deliver(numbered(1), Patience()) == Outcome(sent=1)
        sent = collector.received()
    assert sent.headers["content-type"] == "application/json"
    assert sent.headers["x-key"] == "k"
    assert sent.body.startswith(b'{"resourceSpans":')


def test_zipkin_answers_202() -> None:
    with collecting(Reply(202)) as collector:
        assert zipkin(collector).deliver(numbered(2), Patience()) == Outcome(sent=2)
        assert collector.received().path == "/api/v2/spans"


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_otlp_sends_again(status: int) -> None:
    with collecting() as collector:
        collector.replies.put(Reply(status))
        collector.replies.put(Reply(status))
        assert otlp(collector).deliver(numbered(1), Patience()) == Outcome(sent=1)
        assert len(collector.so_far()) == 3


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_zipkin_sends_again(status: int) -> None:
    with collecting(Reply(202)) as collector:
        collector.replies.put(Reply(status))
        assert zipkin(collector).deliver(numbered(1), Patience()) == Outcome(sent=1)


@pytest.mark.parametrize("status", [301, 400, 401, 404, 413, 500, 501])
def test_otlp_gives_up_at_once(status: int) -> None:
    with collecting(Reply(status)) as collector:
        outcome = otlp(collector).deliver(numbered(2), Patience())
        assert (outcome.failed, len(collector.so_far())) == (2, 1)
        assert outcome.problem == f"{collector.url}/v1/traces answered {status}"


def test_zipkin_says_why_it_refused() -> None:
    with collecting(Reply(400, b"Invalid: id is empty")) as collector:
        outcome = zipkin(collector).deliver(numbered(1), Patience())
        assert outcome.problem.endswith("answered 400 (Invalid: id is empty)")


def test_tries_are_bounded_and_what_the_server_asks_for_is_kept(no_pauses: list[float]) -> None:
    with collecting(Reply(429, headers=(("Retry-After", "7"),))) as collector:
        outcome = otlp(collector).deliver(numbered(1), Patience())
        assert (outcome.failed, len(collector.so_far())) == (1, TRIES)
    assert no_pauses == [7.0] * (TRIES - 1)


def test_a_refused_connection_is_tried_again_while_the_program_runs(no_pauses: list[float]) -> None:
    receiver = open_otlp(Config(otlp_endpoint=refusing_url()), RESOURCE)
    outcome = receiver.deliver(numbered(1), Patience())
    assert (outcome.failed, len(no_pauses)) == (1, TRIES - 1)
    assert outcome.problem.endswith(": Connection refused")


def test_a_refused_connection_is_given_up_when_the_program_ends(no_pauses: list[float]) -> None:
    receiver = open_otlp(Config(otlp_endpoint=refusing_url()), RESOURCE)
    assert receiver.deliver(numbered(1), leaving(60.0)).failed == 1
    assert no_pauses == []


def test_a_server_that_recovers_gets_its_spans_when_the_program_ends() -> None:
    with collecting() as collector:
        collector.replies.put(Reply(503))
        assert otlp(collector).deliver(numbered(1), leaving(60.0)) == Outcome(sent=1)


def test_a_black_hole_takes_no_longer_than_the_program_waits() -> None:
    with black_hole() as url:
        receiver = open_otlp(Config(otlp_endpoint=url), RESOURCE)
        outcome = receiver.deliver(numbered(1), leaving(0.05))
    assert (outcome.failed, outcome.problem) == (1, f"{url}: timed out")


def test_what_a_receiver_rejected_is_dropped_and_not_sent_again() -> None:
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = 2
    answer.partial_success.error_message = "too old"
    with collecting(Reply(body=answer.SerializeToString())) as collector:
        outcome = otlp(collector).deliver(numbered(3), Patience())
        assert outcome == Outcome(
            sent=1, dropped=2, problem=f"{collector.url}/v1/traces refused some: too old"
        )
        assert len(collector.so_far()) == 1


def test_a_warning_of_a_receiver_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    answer = ExportTraceServiceResponse()
    answer.partial_success.error_message = "use TLS"
    with collecting(Reply(body=answer.SerializeToString())) as collector:
        receiver = otlp(collector)
        assert receiver.deliver(numbered(1), Patience()) == Outcome(sent=1)
        assert receiver.deliver(numbered(1), Patience()) == Outcome(sent=1)
    assert capfd.readouterr().err.count("says: use TLS") == 1


def test_an_answer_that_is_no_otlp_counts_by_its_status() -> None:
    with collecting(Reply(body=b"<html>thanks</html>")) as collector:
        assert otlp(collector).deliver(numbered(1), Patience()) == Outcome(sent=1)


def encode(spans: Sequence[Span], resource: Resource) -> bytes:
    """A byte a span; one that is named bad cannot be encoded."""
    if any(span.name == "bad" for span in spans):
        raise ValueError("bad span")
    return b"x" * len(spans)


def test_a_body_that_is_too_long_is_halved() -> None:
    made = list(bodies(encode, numbered(10), RESOURCE, 3))
    assert [len(body) for body, _ in made] == [len(part) for _, part in made] == [2, 3, 2, 3]


def test_a_single_span_that_is_too_long_is_sent_all_the_same() -> None:
    spans = numbered(1)
    assert list(bodies(encode, spans, RESOURCE, 0)) == [(b"x", spans)]


def test_a_span_that_cannot_be_encoded_loses_only_itself() -> None:
    spans = numbered(8)
    spans[2] = make_span("bad")
    made = list(bodies(encode, spans, RESOURCE, 100))
    assert [(body, len(part)) for body, part in made] == [
        (b"xx", 2),
        (b"", 1),
        (b"x", 1),
        (b"xxxx", 4),
    ]


def test_large_zipkin_messages_are_split() -> None:
    spans = [make_span(tags=[("text", "x" * 10_000)]) for _ in range(100)]
    with collecting(Reply(202)) as collector:
        assert zipkin(collector).deliver(spans, Patience()) == Outcome(sent=100)
        lengths = [len(request.body) for request in collector.so_far()]
    assert len(lengths) == 4
    assert max(lengths) <= 500_000


@pytest.mark.parametrize(("status", "expected"), [(202, 1), (200, 0), (204, 0), (400, 0), (301, 0)])
def test_envoys_zipkin_tracer_takes_the_servers_own_answer_only(status: int, expected: int) -> None:
    with collecting(Reply(status)) as collector:
        config = Config(provider="zipkin", zipkin_endpoint=f"{collector.url}/api/v2/spans")
        outcome = open_zipkin(config, RESOURCE).deliver(numbered(1), Patience())
        assert (outcome.sent, outcome.failed) == (expected, 1 - expected)
        assert len([collector.received()]) == 1 and collector.so_far() == []
