"""The spans of a program as each backend's receiver got them, in one form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgpack
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.export_server import Received
from tests.google_cloud import PROJECT
from tests.process.flask_hops import Hop
from tests.skywalking_messages import TYPES

KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")


def otlp_hops(messages: Sequence[bytes]) -> list[Hop]:
    """The spans in OTLP's requests."""
    return [
        Hop(
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
            KINDS[span.kind],
        )
        for message in messages
        for group in ExportTraceServiceRequest.FromString(message).resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]


def datadog_hops(requests: Sequence[Received]) -> list[Hop]:
    """The spans in what the agent was sent; the upper half of the id stands on the first ones."""
    hops = []
    for request in requests:
        for trace in msgpack.unpackb(request.body):
            high = trace[0]["meta"]["_dd.p.tid"]
            hops += [
                Hop(
                    f"{high}{span['trace_id']:016x}",
                    f"{span['span_id']:016x}",
                    f"{span['parent_id']:016x}",
                    span["meta"]["span.kind"],
                )
                for span in trace
            ]
    return hops


def xray_hop(document: dict[str, Any]) -> Hop:
    """The span of a document."""
    kind = "client" if document["annotations"]["direction"] == "egress" else "server"
    trace_id = document["trace_id"].removeprefix("1-").replace("-", "")
    return Hop(trace_id, document["id"], document["parent_id"], kind)


def skywalking_hop(segment: dict[str, Any]) -> Hop:
    """The span of a segment, which has its id; its parent is the segment that it refers to."""
    (span,) = segment["spans"]
    (reference,) = span["refs"]
    return Hop(
        segment["traceId"],
        segment["traceSegmentId"],
        reference["parentTraceSegmentId"],
        TYPES[span.get("spanType", 0)],
    )


def google_hop(span: dict[str, Any]) -> Hop:
    """The span of the API's body."""
    _, project, _, trace_id, _, span_id = span["name"].split("/")
    assert (project, span_id) == (PROJECT, span["spanId"])
    return Hop(trace_id, span["spanId"], span["parentSpanId"], span["spanKind"].lower())
