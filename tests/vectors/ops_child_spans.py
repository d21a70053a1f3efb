"""Vectors of the spans of attempts and of side calls."""

from __future__ import annotations

from typing import Any

from autotrace import grpc_status
from autotrace.config import Config
from autotrace.context import CURRENT, Context
from autotrace.core import configured
from autotrace.facts import ClientRequest, SideCall
from autotrace.headers import NO_HEADERS
from autotrace.integration import serving
from autotrace.naming import Naming
from autotrace.provider.opentelemetry import span_name
from autotrace.span import CLIENT, Span
from autotrace.tags import Reading
from tests.vectors.ops_tags import span
from tests.vectors.registry import Given, Outcome, known, op


@op("child.attempts")
def child_attempts(given: Given) -> Outcome:
    config = given.get("config", {})
    if "side_call" in given:
        made = _side_call(given["side_call"])
        _, source = _called({**config, "spawn_upstream_span": True})
        return {"spans": [_read(made)], "inject_from": [source] if source else []}
    naming = Naming("", config.get("upstream_operation", ""), substitute=span_name)
    spans: list[dict[str, Any]] = []
    sources: list[str] = []
    for number, attempt in enumerate(given["attempts"], start=1):
        spawned, source = _called(config)
        sources += [source] if source else []
        if spawned:
            spans.append(_read(_attempt(given, Reading(naming=naming), number, attempt)))
    return {"spans": spans, "inject_from": sources}


def _called(config: Given) -> tuple[bool, str]:
    """Whether a call out of a request has a span, and whose ids it sends."""
    # The reader of Envoy's files makes one setting of these two.
    spawns = config.get("spawn_upstream_span", False) or config.get("start_child_span", False)
    settings = Config(
        spawn_upstream_span=spawns,
        no_context_propagation=config.get("no_context_propagation", False),
    )
    core, _ = configured(settings, lambda span: None)
    inbound = core.inbound(NO_HEADERS)
    assert inbound is not None and inbound.span is not None
    before = CURRENT.get()
    CURRENT.set(Context(serving(inbound)))
    try:
        called = core.outbound(lambda path: ClientRequest("GET", "http", "a", None, path), "/")
    finally:
        CURRENT.set(before)
    assert called is not None
    sent = dict(called.pairs).get("traceparent", "")
    sources = {inbound.span.span_id: "downstream"}
    if called.span is not None:
        sources[called.span.span_id] = "child"
    return called.span is not None, sources[sent.split("-")[2]] if sent else ""


def _attempt(given: Given, reading: Reading, number: int, attempt: Given) -> Span:
    cluster, headers = given["cluster"], known(given.get("request_headers"))
    request = ClientRequest(
        headers.get(":method", ""), "http", cluster, None, headers.get(":path", "/"), number
    )
    made = span(CLIENT, request, reading, headers)
    made.upstream = (cluster, cluster)
    made.status = attempt.get("code") or 0
    made.reason = attempt.get("reset") or ""
    made.canceled = bool(attempt.get("cancelled_by_router"))
    return made


def _side_call(given: Given) -> Span:
    request = SideCall(given["cluster"], given.get("has_response", False))
    made = span(CLIENT, request, Reading())
    made.canceled = bool(given.get("cancelled") or given.get("canceled"))
    if given.get("grpc_status") is not None:
        grpc_status.note(made, {"grpc-status": str(given["grpc_status"])})
    return made


def _read(made: Span) -> dict[str, Any]:
    return {"name": made.name, "tags": dict(made.tags())}
