"""Calls of one gRPC server, by grpcio, which is loaded by the worker and only where it is wanted.

Messages are bytes that were encoded before. The agent never traces itself: its calls are made in a
context that asks all instrumentation, ours too, to leave them alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import grpc
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY
from opentelemetry.context.context import Context

from autotrace import __version__
from autotrace.context import CURRENT
from autotrace.export import fork
from autotrace.export.real_thread import in_real_thread
from autotrace.export.receiver import NEVER
from autotrace.export.retry_info import asked_delay
from autotrace.export.sender import not_sampled

OK, UNKNOWN, DEADLINE_EXCEEDED = 0, 2, 4
SUPPRESSED = Context({_SUPPRESS_INSTRUMENTATION_KEY: True})

OPTIONS = (
    # Connections of its own, not those that a fork's parent had: they are dead in the child.
    ("grpc.use_local_subchannel_pool", 1),
    # Two minutes, which is gRPC's own limit, would outlast all tries.
    ("grpc.max_reconnect_backoff_ms", 5000),
    ("grpc.primary_user_agent", f"autotrace/{__version__}"),
)
CUT = "nothing: the process was forked during a call, after which gRPC cannot be used"
_LONGEST_REASON = 200


class GrpcAnswer(NamedTuple):
    """What a call came to: its status code's number, and the message or else the reason."""

    code: int
    body: bytes = b""
    retry_after: str = ""
    problem: str = ""
    refused: bool = False  # nobody listens there


class GrpcSender:
    """Calls methods of one server; `address` is how messages name it, without credentials."""

    def __init__(
        self,
        url: str,
        metadata: Mapping[str, str],
        timeout: float,
        ca_file: str = "",
        compress: bool = True,
    ) -> None:
        parts = urlsplit(url)
        self.address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._target = _target(parts.scheme, parts.netloc.rpartition("@")[2])
        self._secure = parts.scheme == "https"
        # gRPC takes lower-case keys only; whoever writes `Authorization` means the same.
        self._metadata = [(key.lower(), _value(key, value)) for key, value in metadata.items()]
        self._timeout = timeout
        self._ca_file = ca_file
        self._compression = grpc.Compression.Gzip if compress else grpc.Compression.NoCompression
        self._channel: Any = None
        self._uncut = fork.uncut()

    def unary(self, method: str, message: bytes, seconds: float) -> GrpcAnswer:
        """Sends one message, within the seconds and the configured time-out."""
        left = min(seconds, self._timeout)
        if left <= 0:
            return GrpcAnswer(DEADLINE_EXCEEDED, problem="timed out")
        if fork.cut:
            return GrpcAnswer(UNKNOWN, problem=CUT)
        call = partial(self._answered, method, message, left)
        # A limit means that the program ends: no thread can be started any more, and nobody else
        # is held up.
        return in_real_thread(call) if seconds == NEVER else call()

    def close(self) -> None:
        """Closes the channel; the next call opens another."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def _answered(self, method: str, message: bytes, seconds: float) -> GrpcAnswer:
        before = CURRENT.get()
        CURRENT.set(SUPPRESSED)
        try:
            with self._uncut:
                return GrpcAnswer(OK, self._call(method, message, seconds))
        except grpc.RpcError as error:
            return _failure(error)
        except (OSError, ValueError, TypeError) as error:
            # Certificates that cannot be read, or a header that gRPC does not send.
            return GrpcAnswer(UNKNOWN, problem=str(error) or type(error).__name__)
        finally:
            CURRENT.set(before)

    def _call(self, method: str, message: bytes, seconds: float) -> bytes:
        # Without an encoder: messages are bytes already.
        call = self._opened().unary_unary(method, None, None)
        answer: bytes = call(
            message,
            timeout=seconds,
            metadata=[*self._metadata, *not_sampled().items()],
            compression=self._compression,
        )
        return answer

    def _opened(self) -> Any:
        if self._channel is None:
            if self._secure:
                credentials = grpc.ssl_channel_credentials(_certificates(self._ca_file))
                self._channel = grpc.secure_channel(self._target, credentials, OPTIONS)
            else:
                self._channel = grpc.insecure_channel(self._target, OPTIONS)
        return self._channel


def _target(scheme: str, authority: str) -> str:
    """What gRPC calls the address."""
    return f"unix:{unquote(authority)}" if scheme == "http+unix" else authority


def _value(key: str, value: str) -> str | bytes:
    return value.encode() if key.lower().endswith("-bin") else value


def _certificates(ca_file: str) -> bytes | None:
    """The configured certificates; without any, gRPC has its own."""
    if not ca_file:
        return None
    try:
        with open(ca_file, "rb") as file:
            return file.read()
    except OSError as error:
        raise OSError(f"no certificates in {ca_file}: {error}") from error


def _failure(error: Any) -> GrpcAnswer:
    code, details = error.code(), error.details() or ""
    shown = details[:_LONGEST_REASON] if details.isprintable() else ""
    return GrpcAnswer(
        code.value[0],
        retry_after=asked_delay(error.trailing_metadata() or ()),
        problem=f"{code.name} ({shown})" if shown else code.name,
        refused="refused" in details.lower(),
    )
