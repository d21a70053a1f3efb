"""A server that takes spans over HTTP: an encoder, a sender and the rules of what is sent again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from autotrace.export import batches
from autotrace.export.attempts import attempt
from autotrace.export.judges import partial_success, sent
from autotrace.export.receiver import Outcome, Patience
from autotrace.export.sender import Answer, Sender

if TYPE_CHECKING:
    from autotrace.config import Config
    from autotrace.export.batches import Encode
    from autotrace.export.judges import Judge
    from autotrace.export.receiver import Receiver
    from autotrace.export.resource import Resource
    from autotrace.span import Span

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


def no_headers(spans: Sequence[Span]) -> Mapping[str, str]:
    """Nothing that depends on what is sent."""
    return {}


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
        judge: Judge = sent,
        accepted: Collection[int] = ACCEPTED,
        headers: Callable[[Sequence[Span]], Mapping[str, str]] = no_headers,
    ) -> None:
        self._sender = sender
        self._encode = encode
        self._resource = resource
        self._content_type = content_type
        self._retried = retried
        self._limit = limit
        self._judge = judge
        self._accepts = accepted
        self._headers = headers

    def deliver(self, spans: Sequence[Span], patience: Patience) -> Outcome:
        """Sends the spans, in as many requests as their size needs."""

        def send(body: bytes, part: Sequence[Span]) -> Outcome:
            return self._send(body, part, patience)

        return batches.deliver(self._encode, spans, self._resource, self._limit, send)

    def close(self) -> None:
        """Closes the connection."""
        self._sender.close()

    def _send(self, body: bytes, spans: Sequence[Span], patience: Patience) -> Outcome:
        headers = self._headers(spans)

        def post(seconds: float) -> Answer:
            return self._sender.post(body, self._content_type, seconds, headers)

        answer = attempt(post, self._again, patience)
        if answer.status not in self._accepts:
            return Outcome(failed=len(spans), problem=self._problem(answer))
        return self._judge(answer.body, len(spans), self._sender.address)

    def _again(self, answer: Answer) -> bool:
        if answer.status in self._accepts:
            return False
        return not answer.status or answer.status in self._retried

    def _problem(self, answer: Answer) -> str:
        if not answer.status:
            return f"{self._sender.address}: {answer.problem}"
        reason = answer.body[:200].decode("utf-8", "replace") if answer.status == 400 else ""
        said = f" ({reason})" if reason.isprintable() and reason else ""
        return f"{self._sender.address} answered {answer.status}{said}"


def open_otlp(config: Config, resource: Resource) -> Receiver:
    """The configured OTLP receiver."""
    if config.otlp_protocol == "grpc":
        # Loads grpcio, which costs 150 ms and 18 MB.
        from autotrace.export import otlp_grpc

        return otlp_grpc.open_receiver(config, resource)
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
    return HttpReceiver(
        sender,
        encode,
        resource,
        content_type,
        OTLP_RETRIED,
        OTLP_LIMIT,
        partial_success(rejected),
    )


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
