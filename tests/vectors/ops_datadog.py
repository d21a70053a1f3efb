"""Envoy's Datadog tracer: headers, priority, and how a span is told."""

from __future__ import annotations

from autotrace.export import datadog_span
from autotrace.headers import NO_HEADERS, Known
from autotrace.propagation.datadog_state import PRIORITY
from autotrace.propagation.hop import NOWHERE
from autotrace.provider import datadog
from autotrace.provider.datadog import Options
from tests.export_spans import make_span
from tests.vectors.registry import Given, known, op


def styles(given: Given) -> list[str]:
    names = given.get("config", {}).get("style", "datadog,tracecontext")
    return [name.strip() for name in names.split(",")]


@op("datadog.extract")
def extract(given: Given) -> Given:
    headers = known(given["headers"])
    verdict = datadog.start(headers, True, Options(styles(given)), lambda: 1)
    parent = datadog.extract(headers, styles(given))
    if parent is None:
        return {"new_trace": True, "null_span": verdict.null, "sampling_priority": None}
    return {
        "trace_id_hex": verdict.trace_id.rjust(32, "0"),
        "parent_id": str(int(verdict.span_id or "0", 16)),
        "sampling_priority": parent.priority,
        "new_trace": False,
        "null_span": verdict.null,
    }


@op("datadog.decide")
def decide(given: Given) -> Given:
    headers, traced = known(given["headers"]), given["envoy_traced"]
    parent = datadog.extract(headers, styles(given))
    extracted = parent and parent.priority
    priority = datadog.decide(extracted, traced)
    verdict = datadog.start(headers, traced, Options(styles(given)), lambda: 1)
    assert verdict.sampled == (priority is None or priority > 0)
    if extracted is not None:
        decided_by = "extracted"
    else:
        decided_by = "library sampler" if priority is None else "envoy"
    return {"sampling_priority": priority, "decided_by": decided_by}


@op("datadog.inject")
def inject(given: Given) -> Given:
    priority = given.get("sampling_priority")
    trace_id, span_id = given["trace_id_hex"], f"{int(given['span_id']):016x}"
    # Whatever width the vector writes, an upper half of zeros is none.
    span = make_span(trace_id=trace_id, span_id=span_id)
    span.sampled = int((priority or 0) > 0)
    arrived = NO_HEADERS if priority is None else Known({PRIORITY: str(priority)})
    pairs = [
        pair
        for write in Options(injects=styles(given)).injections
        for pair in write(span, arrived, NOWHERE)
    ]
    return {"headers": dict(pairs)}


@op("datadog.span")
def span(given: Given) -> Given:
    tags = given.get("tags", {})
    made = make_span(given.get("operation", ""), tuple(tags.items()))
    if "set_operation" in given:
        made.end_ns = 0
        made.update_name(given["set_operation"])
    told = datadog_span.fields(made.name, made.tags())
    outcome: Given = {
        "name": told.name,
        "resource": told.resource,
        "error": told.error,
        "error_message": told.error_message,
        "tags": told.meta,
        # Spans have no baggage of their own.
        "get_baggage": "",
    }
    if "set_sampled" in given:
        outcome["sampling_priority"] = datadog.priority_of_will(given["set_sampled"])
    if "trace_id_hex" in given:
        outcome["get_trace_id"] = datadog.trace_id_text(given["trace_id_hex"])
    return outcome
