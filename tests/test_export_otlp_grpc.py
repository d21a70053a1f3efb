"""OTLP over gRPC: what arrives, what is sent again, and what is given up."""

from __future__ import annotations

import sys

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from autotrace import guard
from autotrace.config import Config
from autotrace.export import attempts, pipeline
from autotrace.export.http_receiver import open_otlp
from autotrace.export.receiver import Outcome, Patience, Receiver
from autotrace.export.retry import TRIES
from tests.export_grpc_server import Answer, Called, GrpcCollector, collecting_grpc
from tests.export_server import refusing_url
from tests.export_spans import RESOURCE, SPAN_ID, TRACE_ID, make_span, numbered
from tests.test_export_grpc_sender import details

METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What servers asked for, in place of pauses."""
    noted: list[str] = []

    def pause(attempt: int, retry_after: str, now: float, chance: float) -> float:
        noted.append(retry_after)
        return 0.0

    monkeypatch.setattr(attempts, "pause", pause)
    monkeypatch.setattr(guard, "_said", {})
    return noted


def config(url: str, **others: object) -> Config:
    """The configuration of an endpoint that the user has given."""
    sources = {"otlp_endpoint": "AUTOTRACE_OTLP_ENDPOINT"}
    return Config(otlp_endpoint=url, otlp_protocol="grpc", sources=sources, **others)  # type: ignore[arg-type]


def otlp(collector: GrpcCollector) -> Receiver:
    """The receiver as a configuration opens it."""
    return open_otlp(config(collector.url), RESOURCE)


def ids(call: Called) -> list[tuple[str, str]]:
    """The ids of the spans in a call."""
    request = ExportTraceServiceRequest.FromString(call.message)
    return [
        (span.trace_id.hex(), span.span_id.hex())
        for group in request.resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]


def test_a_span_arrives_with_the_headers() -> None:
    with collecting_grpc() as collector:
        sending = pipeline.build(
            config(f"{collector.url}/v1/traces", otlp_headers={"X-Token": "abc"}), RESOURCE
        )
        sending.put(make_span())
        assert sending.flush(20.0)
        assert sending.counters()["otlp"]["sent"] == 1
        call = collector.received()
        sending.shutdown()
    assert (call.method, ids(call)) == (METHOD, [(TRACE_ID, SPAN_ID)])
    assert call.metadata["x-token"] == "abc"


def test_a_batch_is_split_before_it_is_too_long_for_grpc() -> None:
    spans = [make_span(tags=[("text", "x" * 100_000)]) for _ in range(60)]
    with collecting_grpc() as collector:
        assert otlp(collector).deliver(spans, Patience()) == Outcome(sent=60)
        calls = collector.so_far()
    assert sum(len(ids(call)) for call in calls) == 60
    assert max(len(call.message) for call in calls) <= 4_000_000


RETRIED = ["CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"]


@pytest.mark.parametrize("code", RETRIED)
def test_what_may_be_accepted_later_is_sent_again(code: str) -> None:
    with collecting_grpc() as collector:
        collector.answers.put(Answer(grpc.StatusCode[code]))
        assert otlp(collector).deliver(numbered(2), Patience()) == Outcome(sent=2)
        first, second = collector.so_far()
    assert ids(first) == ids(second)


@pytest.mark.parametrize(
    "code", ["INVALID_ARGUMENT", "UNAUTHENTICATED", "UNIMPLEMENTED", "INTERNAL"]
)
def test_what_is_refused_is_not_sent_again(code: str) -> None:
    with collecting_grpc() as collector:
        collector.usual = Answer(grpc.StatusCode[code], details="why")
        outcome = otlp(collector).deliver(numbered(2), Patience())
        assert len(collector.so_far()) == 1
    assert outcome == Outcome(failed=2, problem=f"{collector.url} answered {code} (why)")


def test_who_is_exhausted_is_asked_again_only_when_it_says_when(pauses: list[str]) -> None:
    from google.protobuf.duration_pb2 import Duration
    from google.rpc.error_details_pb2 import RetryInfo

    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    with collecting_grpc() as collector:
        collector.answers.put(Answer(code))
        assert otlp(collector).deliver(numbered(1), Patience()).failed == 1
        asks = details(RetryInfo(retry_delay=Duration(seconds=3)))
        collector.answers.put(Answer(code, metadata=asks))
        assert otlp(collector).deliver(numbered(1), Patience()) == Outcome(sent=1)
    assert pauses == ["3"]


def test_it_is_given_up_after_some_tries() -> None:
    with collecting_grpc() as collector:
        collector.usual = Answer(grpc.StatusCode.UNAVAILABLE)
        assert otlp(collector).deliver(numbered(1), Patience()).failed == 1
        assert len(collector.so_far()) == TRIES


def test_spans_that_are_refused_in_a_yes_are_counted() -> None:
    partial = ExportTracePartialSuccess(rejected_spans=2, error_message="too old")
    body = ExportTraceServiceResponse(partial_success=partial).SerializeToString()
    with collecting_grpc() as collector:
        collector.usual = Answer(message=body)
        outcome = otlp(collector).deliver(numbered(5), Patience())
    assert (outcome.sent, outcome.dropped) == (3, 2)
    assert "too old" in outcome.problem


def test_nobody_listens_and_the_program_ends_at_once() -> None:
    sending = pipeline.build(config(refusing_url()), RESOURCE)
    sending.put(make_span())
    sending.shutdown(20.0)
    assert sending.counters()["otlp"]["failed"] == 1


def test_without_grpcio_the_loss_is_said_once(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "autotrace.export.grpc_sender", raising=False)
    monkeypatch.setattr("autotrace.export.grpc_sender", None, raising=False)
    monkeypatch.delattr("autotrace.export.grpc_sender")
    monkeypatch.setitem(sys.modules, "grpc", None)
    sending = pipeline.build(config("http://localhost:1"), RESOURCE)
    for span in numbered(3):
        sending.put(span)
        assert sending.flush(20.0)
    assert sending.counters()["otlp"]["failed"] == 3
    said = capfd.readouterr().err
    assert said.count("pip install grpcio") == 1
    sending.shutdown()
