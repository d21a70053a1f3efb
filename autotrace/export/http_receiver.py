"""A server that takes spans over HTTP: an encoder, a sender and the rules of what is sent again."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from autotrace.export.receiver import Outcome, Patience
from autotrace.export.retry import TRIES, pause
from autotrace.export.sender import Answer, Sender
from autotrace.guard import failed, log_once, site

if TYPE_CHECKING:
    from autotrace.config import Config
    from autotrace.export.resource import Resource
    from autotrace.span import Span

    Encode = Callable[[Sequence[Span], Resource], bytes]
    Rejected = Callable[[bytes], tuple[int, str]]

# Statuses after which the same body may be accepted later.
OTLP_RETRIED = frozenset({429, 502, 503, 504})
ZIPKIN_RETRIED = frozenset({408, 429, *range(500, 600)})
# Statuses after which it is over; Envoy's Zipkin tracer takes the server's own only.
ACCEPTED = range(200, 300)
ENVOY_ACCEPTED = frozenset({202})
# Most bytes in one request before compression: gRPC's default limit, and what Zipkin's own
# reporters send.
OTLP_LIMIT = 4_000_000
ZIPKIN_LIMIT = 500_000


class HttpReceiver:
    """Sends batches to one address until they are accepted, refused or given up."""

    def __init__(
        self,
        sender: Sender,
        encode: Encode,
        resource: Resource,
        content_type: str,
        retried: Collection[int],
        limit: int,
        rejected: Rejected | None = None,
        accepted: Collection[int] = ACCEPTED,
    ) -> None:
        self._sender = sender
        self._encode = encode
        self._resource = resource
        self._content_type = content_type
        self._retried = retried
        self._limit = limit
        self._rejected = rejected
        self._accepts = accepted

    def deliver(self, spans: Sequence[Span], patience: Patience) -> Outcome:
        """Sends the spans, in as many requests as their size needs."""
        total = Outcome()
        for body, count in bodies(self._encode, spans, self._resource, self._limit):
            total = total.plus(
                self._send(body, count, patience)
                if body
                else Outcome(failed=count, problem="a span cannot be encoded")
            )
        return total

    def close(self) -> None:
        """Closes the connection."""
        self._sender.close()

    def _send(self, body: bytes, count: int, patience: Patience) -> Outcome:
        for attempt in range(TRIES):
            answer = self._sender.post(body, self._content_type, patience.left())
            if answer.status in self._accepts:
                return self._accepted(answer, count)
            if answer.status and answer.status not in self._retried:
                break
            # At the end of the program nobody waits for a receiver that is not there.
            if attempt + 1 == TRIES or (answer.refused and patience.leaving):
                break
            chance = int.from_bytes(os.urandom(2), "big") / 65536
            if not patience.pause(pause(attempt, answer.retry_after, time.time(), chance)):
                break
        return Outcome(failed=count, problem=self._problem(answer))

    def _accepted(self, answer: Answer, count: int) -> Outcome:
        if self._rejected is None or not answer.body:
            return Outcome(sent=count)
        try:
            dropped, reason = self._rejected(answer.body)
        except Exception:
            # An answer that is not what the protocol says; the status counts.
            return Outcome(sent=count)
        address = self._sender.address
        if dropped:
            dropped = min(dropped, count)
            problem = f"{address} refused some: {reason}"
            return Outcome(sent=count - dropped, dropped=dropped, problem=problem)
        if reason:
            log_once(f"{address} warned", "warning", f"{address} says: {reason}", every=300.0)
        return Outcome(sent=count)

    def _problem(self, answer: Answer) -> str:
        if not answer.status:
            return f"{self._sender.address}: {answer.problem}"
        reason = answer.body[:200].decode("utf-8", "replace") if answer.status == 400 else ""
        said = f" ({reason})" if reason.isprintable() and reason else ""
        return f"{self._sender.address} answered {answer.status}{said}"


def bodies(
    encode: Encode, spans: Sequence[Span], resource: Resource, limit: int
) -> Iterator[tuple[bytes, int]]:
    """Bodies of at most `limit` bytes with their number of spans; empty where one cannot be made.

    What is too long or cannot be encoded is halved, until the span in question is alone.
    """
    body = b""
    try:
        body = encode(spans, resource)
    except Exception as error:
        if len(spans) == 1:
            failed(site("export.encode:span"), error)
    if len(spans) > 1 and not 0 < len(body) <= limit:
        half = len(spans) // 2
        yield from bodies(encode, spans[:half], resource, limit)
        yield from bodies(encode, spans[half:], resource, limit)
    else:
        yield body, len(spans)


def open_otlp(config: Config, resource: Resource) -> HttpReceiver:
    """The configured OTLP receiver."""
    sender = Sender(
        config.otlp_endpoint,
        config.otlp_headers,
        config.otlp_timeout,
        config.otlp_certificate,
        config.otlp_compression == "gzip",
    )
    if config.otlp_protocol == "http/json":
        from autotrace.export import otlp_json

        encode, content_type, rejected = (
            otlp_json.encode,
            otlp_json.CONTENT_TYPE,
            otlp_json.rejected,
        )
    else:
        # Loads protobuf, which costs 75 ms and 3 MB.
        from autotrace.export import otlp

        encode, content_type, rejected = otlp.encode, otlp.CONTENT_TYPE, otlp.rejected
    return HttpReceiver(sender, encode, resource, content_type, OTLP_RETRIED, OTLP_LIMIT, rejected)


def open_zipkin(config: Config, resource: Resource) -> HttpReceiver:
    """The configured Zipkin server."""
    from autotrace.export import zipkin

    encode, content_type = zipkin.encode, zipkin.CONTENT_TYPE
    if config.zipkin_protocol == "http/protobuf":
        from autotrace.export import zipkin_proto

        encode, content_type = zipkin_proto.encode, zipkin_proto.CONTENT_TYPE
    return HttpReceiver(
        Sender(config.zipkin_endpoint, config.zipkin_headers, config.zipkin_timeout),
        encode,
        resource,
        content_type,
        ZIPKIN_RETRIED,
        ZIPKIN_LIMIT,
        accepted=ENVOY_ACCEPTED if config.provider == "zipkin" else ACCEPTED,
    )
