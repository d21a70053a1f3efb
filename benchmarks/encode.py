"""`python -m benchmarks encode`: spans of 15 attributes to bytes, ours and OpenTelemetry's.

Both turn finished spans that hold their attributes as text into a request's body, in one process
and in turns. `with tags` is the whole of our worker's work: the tags are made from raw facts too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import process_time_ns
from typing import Any

from autotrace.export import otlp, otlp_json, zipkin
from autotrace.export.resource import Resource
from autotrace.facts import ServerRequest
from autotrace.span import SERVER, Event, Reading, Span
from autotrace.tags import Reading as Tags
from benchmarks.cpu import interleaved
from benchmarks.table import table, verdict

BATCH = 512
BUDGET = 10
START = 1_700_000_000_123_456_789
RESOURCE = Resource("shop", "pod-7", "eu-1", {"service.name": "shop", "process.pid": 42})

Encode = Callable[[], bytes]


class _Read:
    """Gives name and tags that were read before."""

    def __init__(self, tags: list[tuple[str, Any]]) -> None:
        self._tags = tags

    def name(self, span: Span) -> str:
        return "shop.example.com"

    def tags(self, span: Span) -> list[tuple[str, Any]]:
        return self._tags

    def status(self, span: Span) -> int:
        return 0

    def events(self, span: Span) -> list[Event]:
        return []


def _span(number: int, reading: Reading) -> Span:
    """The server span of a request, with 15 tags when it is read."""
    span = Span(
        SERVER,
        f"4bf92f3577b34da6a3ce929d{number:08x}",
        f"{number + 1:016x}",
        "b7ad6b7169203331",
        "",
        None,
        reading,
        lambda span: None,
    )
    span.start_ns, span.end_ns = START, START + 12_345_678
    span.request = ServerRequest(
        "GET",
        "http",
        "shop.example.com",
        f"/orders/{number}?page=2",
        "HTTP/1.1",
        "10.2.3.4",
        "python-requests/2.34.2",
        0,
    )
    span.status, span.response_size = 200, 1000 + number
    # The request id, where it has no call to be read from.
    span.attributes = {"guid:x-request-id": f"{number:08x}-7f8a-9c11-b0aa-2f5f1e0c9b77"}
    return span


def encoders() -> dict[str, Encode]:
    """What is compared, by name."""
    rules = Tags(node_id="pod-7", zone="eu-1")
    raw = [_span(number, rules) for number in range(BATCH)]
    for span in raw:
        span.set_attribute("k8s.pod", "shop-7d9f")
        span.attributes = {**(span.attributes or {}), "k8s.pod": "shop-7d9f"}
    tags = [span.tags() for span in raw]
    assert {len(each) for each in tags} == {15}, tags[0]
    read = [_span(number, _Read(each)) for number, each in enumerate(tags)]
    return {
        "OTLP protobuf": lambda: otlp.encode(read, RESOURCE),
        "OTLP protobuf, with tags": lambda: otlp.encode(raw, RESOURCE),
        "OTLP JSON": lambda: otlp_json.encode(read, RESOURCE),
        "Zipkin JSON": lambda: zipkin.encode(read, RESOURCE),
        "OTLP protobuf by OpenTelemetry": _official(read),
    }


def _official(spans: Sequence[Span]) -> Encode:
    """The encoder of OpenTelemetry's exporter, given the same spans as its SDK holds them."""
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
    from opentelemetry.sdk.resources import Resource as Resource_
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanContext, SpanKind, TraceFlags

    resource = Resource_(RESOURCE.attributes)
    scope = InstrumentationScope("autotrace")
    theirs = [
        ReadableSpan(
            span.name,
            SpanContext(int(span.trace_id, 16), int(span.span_id, 16), False, TraceFlags(1)),
            SpanContext(int(span.trace_id, 16), int(span.parent_id, 16), True, TraceFlags(1)),
            resource,
            dict(span.tags()),
            kind=SpanKind.SERVER,
            start_time=span.start_ns,
            end_time=span.end_ns,
            instrumentation_scope=scope,
        )
        for span in spans
    ]

    def encode() -> bytes:
        body: bytes = encode_spans(theirs).SerializeToString()
        return body

    return encode


def measure(rounds: int, batches: int) -> str:
    """The table of encoders."""
    compared = encoders()
    sizes = {name: len(encode()) / BATCH for name, encode in compared.items()}

    def run(name: str) -> float:
        encode = compared[name]
        begun = process_time_ns()
        for _ in range(batches):
            encode()
        return (process_time_ns() - begun) / batches / BATCH / 1000

    measured = interleaved(rounds, list(compared), run)
    lines = [
        (
            name,
            "",
            f"{each.middle:.2f}",
            f"{min(each.values):.2f}-{max(each.values):.2f}",
            f"{sizes[name]:.0f}",
            *verdict(each.middle, BUDGET if name == "OTLP protobuf" else None),
        )
        for name, each in measured.items()
    ]
    return table(("encoder", "", "us a span", "spread", "bytes", "budget", ""), lines)
