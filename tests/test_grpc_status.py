"""gRPC by Envoy's rules."""

from __future__ import annotations

import pytest

from autotrace.grpc_status import NAMES, camel, is_error, is_failure, is_request, note
from autotrace.span import CLIENT, SERVER
from tests.spans import client_span


@pytest.mark.parametrize(
    ("content_type", "path", "expected"),
    [
        ("application/grpc", "/pb.Foo/Bar", True),
        ("application/grpc+proto", "/pb.Foo/Bar", True),
        ("application/grpc+", "/pb.Foo/Bar", True),
        ("application/grpc", "", False),
        ("application/grpc-web", "/pb.Foo/Bar", False),
        ("application/grpc-web+proto", "/pb.Foo/Bar", False),
        ("application/grpcx", "/pb.Foo/Bar", False),
        ("application/grpc;x", "/pb.Foo/Bar", False),
        ("Application/gRPC", "/pb.Foo/Bar", False),
        ("", "/pb.Foo/Bar", False),
    ],
)
def test_which_requests_are_grpc(content_type: str, path: str, expected: bool) -> None:
    assert is_request(content_type, path) is expected


def test_which_statuses_are_errors() -> None:
    assert [number for number in range(17) if is_error(str(number))] == [2, 4, 8, 12, 13, 14, 15]
    assert not any(map(is_error, ("-1", "17", "abc", "", "02")))


def test_which_statuses_are_a_span_s_failure() -> None:
    assert [n for n in range(17) if is_failure(SERVER, str(n))] == [2, 4, 12, 13, 14, 15]
    assert [n for n in range(18) if is_failure(CLIENT, str(n))] == [*range(1, 18)]
    assert not any(is_failure(CLIENT, text) for text in ("", "abc", "-1", "00", "0" * 9999))
    assert is_failure(CLIENT, "9" * 9999)


def test_parts_without_a_status_say_nothing() -> None:
    span = client_span()
    note(span, {})
    note(span, {"grpc-message": "no status"})
    assert not span.grpc
    note(span, {"grpc-status": "0", "grpc-message": ""})
    note(span, {"grpc-status": "5"})
    assert list(span.grpc) == [("0", ""), ("5", None)]


def test_names() -> None:
    assert (NAMES[3], NAMES[16]) == ("INVALID_ARGUMENT", "UNAUTHENTICATED")
    assert [camel(NAMES[n]) for n in (0, 1, 3)] == ["Ok", "Canceled", "InvalidArgument"]
