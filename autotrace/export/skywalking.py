"""SkyWalking's segments in protobuf: spans to the bytes of a SegmentCollection.

Each span is a segment of its own with the span number 0, as our `sw8` says of the span of a call;
what another of our spans caused refers to that one's segment.

https://github.com/apache/skywalking-data-collect-protocol/blob/master/language-agent/Tracing.proto
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from autotrace.export import skywalking_span
from autotrace.export.attribute_text import text as as_text
from autotrace.export.protobuf_wire import number, sized, text
from autotrace.export.zipkin_endpoint import upstream_name
from autotrace.propagation import sw8

if TYPE_CHECKING:
    from autotrace.config import Config
    from autotrace.export.resource import Resource
    from autotrace.propagation.sw8 import Sw8
    from autotrace.span import Event, Span

_INTERNAL, _SERVER, _CLIENT, _PRODUCER, _CONSUMER = range(5)
_ENTRY, _EXIT, _LOCAL = range(3)
_TYPES = (_LOCAL, _ENTRY, _EXIT, _EXIT, _ENTRY)
_CROSS_PROCESS, _CROSS_THREAD = range(2)
_ERROR = 2
_PYTHON = 7000
# What the server cuts or refuses, in characters.
LONGEST_NAME = 70
_LONGEST_OPERATION = 150


class Encoder:
    """Encodes the spans of a service; with the provider `skywalking` as Envoy's tracer has them."""

    def __init__(self, config: Config) -> None:
        self._service = config.service_name[:LONGEST_NAME]
        self._instance = config.node_id[:LONGEST_NAME] or "-"
        self._as_envoy = config.provider == "skywalking"

    def encode(self, spans: Sequence[Span], resource: Resource) -> bytes:
        """One collection of all the segments."""
        return b"".join([sized(1, self._segment(span)) for span in spans])

    def _segment(self, span: Span) -> bytes:
        header = _arrived(span)
        trace_id = header.trace_id if header else span.trace_id
        return b"".join(
            (
                text(1, trace_id),
                text(2, span.span_id),
                sized(3, self._span(span, trace_id, header)),
                text(4, self._service),
                text(5, self._instance),
            )
        )

    def _span(self, span: Span, trace_id: str, header: Sw8 | None) -> bytes:
        tags = span.tags()
        found = skywalking_span.fields(tags, self._as_envoy)
        parts = [
            number(2, -1),
            number(3, span.start_ns // 1_000_000),
            number(4, span.end_ns // 1_000_000),
            *self._references(span, trace_id, header),
            text(6, span.name[:_LONGEST_OPERATION]),
            text(7, _peer(span, found.peer, dict(tags))),
            number(8, _TYPES[span.kind]),
            number(9, skywalking_span.layer(span.kind, found.tags)),
            number(10, _PYTHON),
            number(11, int(found.is_error or span.status_code == _ERROR)),
        ]
        parts += [sized(12, text(1, key) + text(2, value)) for key, value in found.tags.items()]
        parts += [sized(13, _log(event)) for event in span.events]
        return b"".join(parts)

    def _references(self, span: Span, trace_id: str, header: Sw8 | None) -> Iterator[bytes]:
        """Whose span is above: another process's by its `sw8`, or ours."""
        if not span.parent_id:
            return
        if not span.parent_is_remote:
            above = getattr(getattr(span.call, "span", None), "name", "")
            yield _reference(
                _CROSS_THREAD, trace_id, span.parent_id, 0, self._service, self._instance, above, ""
            )
        elif header is not None:
            yield _reference(_CROSS_PROCESS, *header[1:])


def _arrived(span: Span) -> Sw8 | None:
    """The `sw8` that the trace of a span came with; nothing if it came with another."""
    known: Any = span.request_headers
    found = sw8.extract(known)
    if found is None or found.trace_id != span.trace_id:
        return None
    return sw8.parse(known[sw8.SW8])


def _reference(
    kind: int,
    trace_id: str,
    segment_id: str,
    span_id: int,
    service: str,
    instance: str,
    endpoint: str,
    address: str,
) -> bytes:
    return sized(
        5,
        b"".join(
            (
                number(1, kind),
                text(2, trace_id),
                text(3, segment_id),
                number(4, span_id),
                text(5, service),
                text(6, instance),
                text(7, endpoint[:_LONGEST_OPERATION]),
                text(8, address),
            )
        ),
    )


def _peer(span: Span, address: str, tags: Mapping[str, object]) -> str:
    """Who is at the other end; of a call as it was addressed, since its `sw8` says the same."""
    if span.kind not in (_CLIENT, _PRODUCER):
        return address
    host, port = getattr(span.request, "host", ""), getattr(span.request, "port", None)
    if host:
        return f"{host}:{port}"
    return as_text(tags.get("upstream_address") or "") or address or upstream_name(tags)


def _log(event: Event) -> bytes:
    """An event; of an exception by the names that SkyWalking shows."""
    data = {"event": event.name, **{key: as_text(v) for key, v in event.attributes.items()}}
    if event.name == "exception":
        data = {
            "event": "error",
            "error.kind": data.get("exception.type", ""),
            "message": data.get("exception.message", ""),
            "stack": data.get("exception.stacktrace", ""),
        }
    pairs = [sized(2, text(1, key) + text(2, value)) for key, value in data.items()]
    return number(1, event.time_ns // 1_000_000) + b"".join(pairs)
