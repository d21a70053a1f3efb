"""When a gRPC server asks to be called again: google.rpc.RetryInfo in the details of its status.

https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from autotrace.propagation.protobuf import fields

DETAILS = "grpc-status-details-bin"
_RETRY_INFO = b"/google.rpc.RetryInfo"
# Keys of fields, with their wire types: Status.details, Any.type_url and .value,
# RetryInfo.retry_delay, Duration.seconds and .nanos.
_STATUS_DETAILS = 3 << 3 | 2
_TYPE_URL, _VALUE = 1 << 3 | 2, 2 << 3 | 2
_RETRY_DELAY = 1 << 3 | 2
_SECONDS, _NANOS = 1 << 3, 2 << 3


def asked_delay(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    """Whole seconds as `Retry-After` has them; empty where the server does not ask."""
    for key, value in metadata:
        if key == DETAILS and isinstance(value, bytes):
            try:
                return _delay(value)
            except ValueError:
                return ""
    return ""


def _delay(status: bytes) -> str:
    for detail in _parts(status, _STATUS_DETAILS):
        if any(url.endswith(_RETRY_INFO) for url in _parts(detail, _TYPE_URL)):
            # Without a value it is an empty message: any time is right.
            info = next(_parts(detail, _VALUE), b"")
            duration = dict(fields(next(_parts(info, _RETRY_DELAY), b"")))
            seconds, nanos = duration.get(_SECONDS, 0), duration.get(_NANOS, 0)
            return str(int(seconds) + bool(nanos))
    return ""


def _parts(message: bytes, key: int) -> Iterator[bytes]:
    return (each for found, each in fields(message) if found == key and isinstance(each, bytes))
