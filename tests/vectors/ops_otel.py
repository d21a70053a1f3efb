"""Envoy's OpenTelemetry tracer: `traceparent`, samplers, kinds and statuses, the resource."""

from __future__ import annotations

from autotrace.config import load
from autotrace.export.resource import Resource, environment_attributes
from autotrace.provider import opentelemetry as tracer
from autotrace.provider.asked import Asked
from autotrace.provider.samplers import ParentBased, TraceIdRatioBased
from autotrace.provider.verdict import Verdict
from autotrace.span import span_kind
from tests.vectors.registry import Given, known, op

KINDS = ("INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
STATUSES = ("UNSET", "OK", "ERROR")


@op("w3c.extract")
def extract(given: Given) -> Given:
    headers = known(given["headers"])
    found = tracer.extract(headers)
    verdict = tracer.start(headers, True, tracer.Options(), lambda: 1)
    if not isinstance(found, tuple):
        error = "missing" if found is None else found
        return {"context": None, "error": error, "null_span": verdict.null}
    version, trace_id, parent_id, sampled = found
    return {
        "context": {
            "version": version,
            "trace_id": trace_id,
            "parent_id": parent_id,
            "sampled": sampled,
        },
        "tracestate": verdict.tracestate,
        "error": None,
        "null_span": verdict.null,
    }


@op("otel.start")
def start(given: Given) -> Given:
    random = iter([int(word, 16) for word in given.get("random", ())]).__next__
    verdict = tracer.start(known(given["headers"]), given["envoy_traced"], tracer.Options(), random)
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
        "reported": bool(span.sampled),
        "inject": dict(tracer.inject(span)),
    }


@op("otel.kind")
def kind(given: Given) -> Given:
    egress = given["direction"] == "egress"
    return {"kind": KINDS[span_kind(egress, given["spawn_upstream_span"], given["child"])]}


@op("otel.status")
def status(given: Given) -> Given:
    return {"status": STATUSES[tracer.status(KINDS.index(given["kind"]), given["tags"])]}


@op("otel.ratio_sampler")
def ratio_sampler(given: Given) -> Given:
    sampler = TraceIdRatioBased(given["numerator"], given["denominator"])
    return {"sampled": sampler(Asked(None, given["trace_id"])).sampled}


@op("otel.parent_based_sampler")
def parent_based_sampler(given: Given) -> Given:
    wrapped = TraceIdRatioBased(int(given["wrapped_samples"]), 1)
    return {"sampled": ParentBased(wrapped)(Asked(given["parent_sampled"], "1" * 32)).sampled}


@op("otel.resource_env")
def resource_env(given: Given) -> Given:
    attributes = environment_attributes(given.get("OTEL_RESOURCE_ATTRIBUTES", ""))
    return {"attributes": attributes}


@op("otel.resource")
def resource(given: Given) -> Given:
    environ = {"AUTOTRACE_PROVIDER": "opentelemetry"}
    environ |= {f"AUTOTRACE_{key.upper()}": value for key, value in given["config"].items()}
    config, _ = load(environ, ["python", "program.py"])
    return {"attributes": Resource.from_config(config).attributes}
