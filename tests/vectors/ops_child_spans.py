"""Vectors of the spans of attempts and of side calls."""

from __future__ import annotations

from typing import Any

from autotrace import grpc_status
from autotrace.attempt import has_span, injected_from
from autotrace.facts import ClientRequest, SideCall
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
        return {"spans": [_read(made)], "inject_from": _injections(config, True, 1)}
    naming = Naming("", config.get("upstream_operation", ""), substitute=span_name)
    spawned = has_span(
        config.get("spawn_upstream_span", False), config.get("start_child_span", False)
    )
    attempts = given["attempts"]
    spans = [
        _read(_attempt(given, Reading(naming=naming), number, attempt))
        for number, attempt in enumerate(attempts, start=1)
        if spawned
    ]
    return {"spans": spans, "inject_from": _injections(config, spawned, len(attempts))}


def _injections(config: Given, spawned: bool, count: int) -> list[str]:
    source = injected_from(spawned, config.get("no_context_propagation", False))
    return [source] * count if source else []


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
