"""Vectors of the spans of attempts and of side calls."""

from __future__ import annotations

from typing import Any

from autotrace import grpc_status
from autotrace.attempt import CHILD, injected_from
from autotrace.facts import ClientRequest, SideCall
from autotrace.naming import Naming
from autotrace.provider.opentelemetry import span_name
from autotrace.span import CLIENT, Span
from autotrace.tags import Reading
from tests.vectors.ops_tags import span
from tests.vectors.registry import Given, Outcome, op

READING = Reading(naming=Naming(substitute=span_name))


@op("child.attempts")
def child_attempts(given: Given) -> Outcome:
    if "side_call" in given:
        return {"spans": [_read(_side_call(given["side_call"]))]}
    config = given.get("config", {})
    source = injected_from(
        config.get("spawn_upstream_span", False), config.get("start_child_span", False)
    )
    attempts = given["attempts"]
    spans = [
        _read(_attempt(given["cluster"], number, attempt))
        for number, attempt in enumerate(attempts, start=1)
        if source == CHILD
    ]
    return {"spans": spans, "inject_from": [source] * len(attempts)}


def _attempt(cluster: str, number: int, attempt: Given) -> Span:
    made = span(CLIENT, ClientRequest("GET", "http", cluster, None, "/", number), READING)
    made.upstream = (cluster, cluster)
    made.status = attempt.get("code") or 0
    made.reason = attempt.get("reset") or ""
    made.canceled = bool(attempt.get("cancelled_by_router"))
    return made


def _side_call(given: Given) -> Span:
    made = span(CLIENT, SideCall(given["cluster"], given.get("has_response", False)), READING)
    made.canceled = bool(given.get("cancelled") or given.get("canceled"))
    if given.get("grpc_status") is not None:
        grpc_status.note(made, {"grpc-status": str(given["grpc_status"])})
    return made


def _read(made: Span) -> dict[str, Any]:
    return {"name": made.name, "tags": dict(made.tags())}
