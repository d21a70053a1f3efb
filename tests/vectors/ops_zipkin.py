"""Envoy's Zipkin tracer: what it reads and sends, and what is reported to a collector."""

from __future__ import annotations

import json
from time import monotonic
from typing import Any

from autotrace.config import Config
from autotrace.config.http_uri import host_and_path
from autotrace.export import zipkin, zipkin_proto
from autotrace.export.http_receiver import open_zipkin
from autotrace.export.receiver import Patience
from autotrace.export.resource import Resource
from autotrace.headers import NO_HEADERS
from autotrace.propagation import NOWHERE
from autotrace.provider import zipkin as tracer
from autotrace.provider.verdict import Verdict
from autotrace.span import Event, Span, span_kind
from tests.export_server import Reply, collecting
from tests.vectors.registry import Given, known, op
from tests.zipkin_messages import read

KINDS = ("INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")


def options(config: Given) -> tracer.Options:
    """The tracer's options among all of a listener's."""
    names = ("trace_id_128bit", "shared_span_context", "trace_context_option")
    return tracer.Options(**{name: config[name] for name in names if name in config})


@op("zipkin.extract")
def extract(given: Given) -> Given:
    headers, traced = known(given["headers"]), given["envoy_traced"]
    chosen = options(given.get("config", {}))
    sampled, found = tracer.extract(headers, traced, chosen.w3c)
    verdict = tracer.start(headers, traced, chosen, lambda: 1)
    return {
        "sampled": sampled,
        "context": _context(*found) if isinstance(found, tuple) else None,
        "error": found if isinstance(found, str) else None,
        "null_span": verdict.null,
    }


def _context(trace_id: str, span_id: str, parent_id: str) -> Given:
    wide = trace_id.rjust(32, "0")
    return {
        "trace_id": trace_id,
        "trace_id_high": wide[:16],
        "trace_id_low": wide[16:],
        "span_id": span_id,
        "parent_id": parent_id or None,
    }


@op("zipkin.start")
def start(given: Given) -> Given:
    config = given.get("config", {})
    chosen = options(config)
    egress = given.get("direction") == "egress"
    spawned = config.get("spawn_upstream_span", False) or config.get(
        "split_spans_for_request", False
    )
    random = iter([int(word, 16) for word in given.get("random", ())]).__next__
    verdict = tracer.start(known(given["headers"]), given["envoy_traced"], chosen, random, egress)
    if verdict.null:
        return {"null_span": True, "inject": {}, "reported": False}
    span_id, parent_id = tracer.span_ids(verdict, random)
    span = Verdict(verdict.trace_id, span_id, verdict.sampled, parent_id, verdict.tracestate)
    return {
        "null_span": False,
        "trace_id": span.trace_id,
        "span_id": span_id,
        "parent_id": parent_id or None,
        "sampled": bool(span.sampled),
        "kind": KINDS[span_kind(egress, spawned)],
        "child_kind": KINDS[span_kind(egress, spawned, child=True)],
        "shared": verdict.shared,
        "reported": bool(span.sampled),
        "inject": dict(
            pair for inject in chosen.injections for pair in inject(span, NO_HEADERS, NOWHERE)
        ),
    }


class _Facts:
    """A span's name and tags as the vector has them."""

    def __init__(self, span: Given) -> None:
        self._span = span

    def name(self, span: Span) -> str:
        return str(self._span.get("name", ""))

    def tags(self, span: Span) -> list[tuple[str, Any]]:
        return list(self._span.get("tags", {}).items())

    def status(self, span: Span) -> int:
        return 0

    def events(self, span: Span) -> list[Event]:
        return []


@op("zipkin.report")
def report(given: Given) -> Given:
    said = given["span"]
    span = Span(
        KINDS.index(said.get("kind", "INTERNAL")),
        said["trace_id"],
        said["id"],
        said.get("parent_id") or "",
        "",
        None,
        _Facts(said),
        lambda span: None,
    )
    span.start_ns = said.get("timestamp_us", 0) * 1000
    span.shared = said.get("shared_context", False)
    for each in said.get("annotations", ()):
        span.add_event(each["value"], timestamp=each["timestamp_us"] * 1000)
    span.end_ns = span.start_ns + said.get("duration_us", 0) * 1000
    local = said.get("local", {})
    ip, port = local.get("ip", ""), local.get("port", 0)
    address = f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
    resource = Resource(local.get("service", ""), address=address)
    if given.get("version") == "HTTP_PROTO":
        return {"json": read(zipkin_proto.encode([span], resource))[0]}
    return {"json": json.loads(zipkin.encode([span], resource))[0]}


@op("zipkin.collector_status")
def collector_status(given: Given) -> Given:
    span = Span(1, "1" * 16, "1" * 16, "", "", None, _Facts({}), lambda span: None)
    span.end_ns = span.start_ns + 1000
    patience = Patience()
    # Nothing is sent twice, as Envoy does: there is no time for it.
    patience.leave_by(monotonic() + 0.5)
    with collecting(Reply(given["status"])) as collector:
        config = Config(provider="zipkin", zipkin_endpoint=f"{collector.url}/api/v2/spans")
        outcome = open_zipkin(config, Resource("shop")).deliver([span], patience)
    return {"counter": "reports_sent" if outcome.sent else "reports_dropped"}


@op("zipkin.collector_uri")
def collector_uri(given: Given) -> Given:
    host, path = host_and_path(given["uri"], given["cluster"])
    return {"host": host, "path": path}
