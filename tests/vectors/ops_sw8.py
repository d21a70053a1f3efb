"""Envoy's SkyWalking tracer: `sw8`, the decision, names and tags."""

from __future__ import annotations

from autotrace.export import skywalking_span
from autotrace.headers import Known
from autotrace.propagation import sw8
from autotrace.propagation.hop import Hop
from autotrace.provider import skywalking
from tests.export_spans import PARENT_ID, SPAN_ID, make_span
from tests.vectors.registry import Given, known, op


@op("sw8.parse")
def parse(given: Given) -> Given:
    fields = sw8.parse(given["header"])
    if fields is None:
        return {"context": None, "error": "malformed"}
    return {"context": fields._asdict(), "error": None}


@op("sw8.build")
def build(given: Given) -> Given:
    hop = Hop(
        given["service"],
        given["instance"],
        given["entry_operation"],
        skywalking.address(given["upstream_address"] or "", given["host"]),
        given["segment_id"],
        given["exit_span_id"],
    )
    # A trace whose id is any text is one that arrived so.
    arrived = Known({"sw8": given.get("incoming") or incoming(given["trace_id"])})
    caller = skywalking.start(arrived, True, skywalking.Options("", ""), lambda: 1)
    span = make_span(trace_id=caller.trace_id, span_id=SPAN_ID)
    span.sampled = caller.sampled
    (write,) = skywalking.Options("", "").injections
    return {"header": dict(write(span, arrived, hop))["sw8"]}


def incoming(trace_id: str) -> str:
    """A header that names the trace."""
    span = make_span(trace_id=trace_id, span_id=PARENT_ID)
    return dict(sw8.inject(span))["sw8"]


@op("sw8.decide")
def decide(given: Given) -> Given:
    headers = known(given["headers"])
    verdict = skywalking.start(
        headers, given["envoy_traced"], skywalking.Options("", ""), lambda: 1
    )
    if verdict.null:
        return {"null_span": True, "new_segment": False, "parent": None}
    caller = sw8.parse(headers["sw8"]) if verdict.span_id else None
    return {
        "null_span": False,
        "new_segment": True,
        "parent": caller and caller.segment_id,
        "trace_id": caller.trace_id if caller else verdict.trace_id,
    }


@op("sw8.tag")
def tag(given: Given) -> Given:
    span = make_span(tags=tuple(given["tags"].items()))
    return skywalking_span.fields(span.tags())._asdict()


@op("sw8.names")
def names(given: Given) -> Given:
    config = given["config"]
    client = config.get("client_config", {})
    service, instance = skywalking.names(
        client.get("service_name", ""),
        client.get("instance_name", ""),
        config.get("service_cluster", ""),
        config.get("node_id", ""),
    )
    return {"service": service, "instance": instance}
