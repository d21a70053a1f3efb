"""Envoy's OpenCensus tracer."""

from __future__ import annotations

from autotrace.headers import NO_HEADERS
from autotrace.propagation.hop import NOWHERE
from autotrace.propagation.incoming import incoming
from autotrace.provider import opencensus
from tests.vectors.registry import Given, Outcome, known, op


def word() -> int:
    """A random word."""
    return 0x123456789ABCDEF0


@op("opencensus.extract")
def opencensus_extract(given: Given) -> Outcome:
    """A request with these headers."""
    headers = known(given["headers"])
    options = opencensus.Options(given["config"]["incoming_trace_context"])
    verdict = opencensus.start(headers, given["envoy_traced"], options, word)
    parent = opencensus.extract(headers, options.incoming)
    context = None
    if parent is not None:
        context = {
            "trace_id": verdict.trace_id,
            "span_id": verdict.span_id,
            "sampled": bool(parent.sampled),
        }
    return {"context": context, "sampled": bool(verdict.sampled)}


@op("opencensus.inject")
def opencensus_inject(given: Given) -> Outcome:
    """A span that is sent on."""
    options = opencensus.Options(outgoing=given["config"]["outgoing_trace_context"])
    span = incoming("", given["trace_id"], given["span_id"], int(given["sampled"]))
    headers: dict[str, str] = {}
    for inject in options.injections:
        headers.update(inject(span, NO_HEADERS, NOWHERE))
    return {"headers": headers}
