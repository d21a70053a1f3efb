"""gRPC by Envoy's rules: which requests are gRPC, what a status says, and when it is an error.

The status arrives in the response's headers where there is nothing but them, else in its trailers:
https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
"""

from __future__ import annotations

from collections.abc import Mapping

from autotrace.span import CLIENT, Span

STATUS, MESSAGE = "grpc-status", "grpc-message"

# By number, as in https://grpc.io/docs/guides/status-codes/
NAMES = (
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND"),
    *("ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION"),
    *("ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"),
    "UNAUTHENTICATED",
)
# As text: a status outside of the known range is no error.
_ERRORS = frozenset(("2", "4", "8", "12", "13", "14", "15"))
# What OpenTelemetry's conventions blame a server for; clients are told of any status but OK.
_SERVER_FAULTS = _ERRORS - {"8"}


def is_request(content_type: str, path: str) -> bool:
    """Whether a request is gRPC; `application/grpc-web` is not."""
    return (
        content_type.startswith("application/grpc")
        and (len(content_type) == 16 or content_type[16] == "+")
        and bool(path)
    )


def is_error(status: str) -> bool:
    """Whether Envoy marks a span with this status as failed."""
    return status in _ERRORS


def is_failure(kind: int, status: str) -> bool:
    """Whether OpenTelemetry's conventions set a span of this kind to ERROR for this status."""
    if kind == CLIENT:
        return status.isdecimal() and status.strip("0") != ""
    return status in _SERVER_FAULTS


def note(span: Span, part: Mapping[str, str]) -> None:
    """Keeps the status that the headers, and later the trailers, of a response carry."""
    status = part.get(STATUS)
    if status is not None:
        span.grpc = (*span.grpc, (status, part.get(MESSAGE)))


def camel(name: str) -> str:
    """A status name as Envoy spells it in camel case: `InvalidArgument`."""
    # Envoy's enumeration has one L, and no blank in "Ok".
    return "".join([word.capitalize() for word in name.replace("LLED", "LED").split("_")])
