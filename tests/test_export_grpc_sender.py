"""One call over gRPC: what is sent, and what is made of every kind of answer."""

from __future__ import annotations

import re

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import DebugInfo, RetryInfo
from google.rpc.status_pb2 import Status

from autotrace.context import CURRENT, suppressed
from autotrace.export.grpc_sender import OK, GrpcAnswer, GrpcSender
from autotrace.export.retry_info import DETAILS, asked_delay
from tests.export_certificate import make_certificate
from tests.export_grpc_server import Answer, collecting_grpc
from tests.export_server import black_hole, refusing_url

METHOD = "/a.Service/Method"
UNAVAILABLE = 14


def sender(url: str, **others: object) -> GrpcSender:
    """A sender with a generous time-out."""
    return GrpcSender(url, {"Authorization": "Bearer x"}, 10.0, **others)  # type: ignore[arg-type]


def test_what_is_sent() -> None:
    with collecting_grpc() as collector:
        collector.usual = Answer(message=b"yes")
        answer = sender(collector.url).unary(METHOD, b"body" * 99, 5.0)
        called = collector.received()
    assert answer == GrpcAnswer(OK, b"yes")
    assert (called.method, called.message) == (METHOD, b"body" * 99)
    assert called.metadata["authorization"] == "Bearer x"
    assert str(called.metadata["user-agent"]).startswith("autotrace/")


def test_a_call_is_marked_not_sampled() -> None:
    with collecting_grpc() as collector:
        sender(collector.url).unary(METHOD, b"1", 5.0)
        metadata = collector.received().metadata
    assert metadata["b3"] == "0"
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-00", str(metadata["traceparent"]))


def test_instrumentation_is_asked_to_leave_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker's calls run through our own patches too, once the program uses grpc."""
    seen: list[bool] = []
    original = grpc.insecure_channel

    def looked_at(*args: object) -> object:
        seen.append(suppressed(CURRENT.get()))
        return original(*args)

    monkeypatch.setattr(grpc, "insecure_channel", looked_at)
    before = CURRENT.get()
    with collecting_grpc() as collector:
        sender(collector.url).unary(METHOD, b"1", 5.0)
    assert seen == [True]
    assert CURRENT.get() is before


@pytest.mark.parametrize("compress", [True, False])
def test_a_message_is_compressed_or_not(compress: bool) -> None:
    with collecting_grpc() as collector:
        sender(collector.url, compress=compress).unary(METHOD, b"x" * 10_000, 5.0)
        called = collector.received()
    assert called.message == b"x" * 10_000


def test_the_connection_is_kept_until_it_is_closed() -> None:
    with collecting_grpc() as collector:
        calling = sender(collector.url)
        for _ in range(3):
            calling.unary(METHOD, b"x", 5.0)
        assert len({called.peer for called in collector.so_far()}) == 1
        calling.close()
        assert calling.unary(METHOD, b"x", 5.0).code == OK


def test_a_status_is_told_with_its_name_and_reason() -> None:
    with collecting_grpc() as collector:
        collector.answers.put(Answer(grpc.StatusCode.PERMISSION_DENIED, details="no token"))
        answer = sender(collector.url).unary(METHOD, b"x", 5.0)
    assert (answer.code, answer.problem) == (7, "PERMISSION_DENIED (no token)")


def test_nobody_listens() -> None:
    answer = sender(refusing_url()).unary(METHOD, b"x", 5.0)
    assert (answer.code, answer.refused) == (UNAVAILABLE, True)
    assert answer.problem.startswith("UNAVAILABLE (")


def test_nobody_answers() -> None:
    with black_hole() as url:
        assert sender(url).unary(METHOD, b"x", 0.2).code == 4


def test_no_time_is_left() -> None:
    with collecting_grpc() as collector:
        assert sender(collector.url).unary(METHOD, b"x", -1.0).code == 4


def test_a_header_that_grpc_does_not_send_is_no_exception() -> None:
    with collecting_grpc() as collector:
        calling = GrpcSender(collector.url, {"bad key": "x"}, 10.0)
        answer = calling.unary(METHOD, b"x", 5.0)
    assert answer.code != OK
    assert answer.problem


def test_an_address_is_told_without_credentials() -> None:
    assert GrpcSender("https://me:secret@host:4317/v1/traces", {}, 1.0).address == (
        "https://host:4317"
    )


def test_a_server_by_tls_whose_certificate_is_trusted_or_not(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    certificate = make_certificate(tmp_path_factory.mktemp("tls"))
    with collecting_grpc(certificate) as collector:
        assert sender(collector.url, ca_file=certificate[0]).unary(METHOD, b"x", 20.0).code == OK
        assert sender(collector.url).unary(METHOD, b"x", 20.0).code == UNAVAILABLE
        unreadable = sender(collector.url, ca_file="/nowhere.pem").unary(METHOD, b"x", 20.0)
    assert "no certificates in /nowhere.pem" in unreadable.problem


def details(*messages: object) -> tuple[tuple[str, str | bytes], ...]:
    """Trailing metadata with a status of these details, as servers in Google's libraries make."""
    status = Status(code=8, message="slow down")
    for message in messages:
        status.details.add().Pack(message)
    return (("other", "x"), (DETAILS, status.SerializeToString()))


@pytest.mark.parametrize(
    ("metadata", "asked"),
    [
        ((), ""),
        (details(), ""),
        (details(DebugInfo(detail="x")), ""),
        (details(RetryInfo(retry_delay=Duration(seconds=7))), "7"),
        (details(DebugInfo(), RetryInfo(retry_delay=Duration(seconds=2, nanos=1))), "3"),
        (details(RetryInfo()), "0"),
        (((DETAILS, b"\xff"),), ""),
        (((DETAILS, "text"),), ""),
    ],
)
def test_the_delay_that_a_server_asks_for(
    metadata: tuple[tuple[str, str | bytes], ...], asked: str
) -> None:
    assert asked_delay(metadata) == asked


def test_the_delay_comes_with_the_answer() -> None:
    with collecting_grpc() as collector:
        asks = details(RetryInfo(retry_delay=Duration(seconds=7)))
        collector.answers.put(Answer(grpc.StatusCode.RESOURCE_EXHAUSTED, metadata=asks))
        answer = sender(collector.url).unary(METHOD, b"x", 5.0)
    assert (answer.code, answer.retry_after) == (8, "7")
