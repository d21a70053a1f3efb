"""Envoy's Lightstep tracer in its own propagation mode."""

from __future__ import annotations

from typing import Any

from autotrace.headers import Known
from autotrace.propagation import ot
from autotrace.propagation.hop import NOWHERE
from autotrace.propagation.incoming import incoming
from autotrace.provider import lightstep
from tests.vectors.registry import Given, Outcome, known, op

OPTIONS = lightstep.Options()
SPAN = incoming("", "1f2e3d4c5b6a7988", "0102030405060708", 1)


def word() -> int:
    """A random word."""
    return 0x123456789ABCDEF0


@op("ot.extract")
def ot_extract(given: Given) -> Outcome:
    """A request with these headers."""
    headers = known(given["headers"])
    found = lightstep.extract(headers, OPTIONS.modes)
    verdict = lightstep.start(headers, True, OPTIONS, word)
    context = None
    if found is not None and not isinstance(found, str):
        context = {
            "trace_id": verdict.trace_id,
            "span_id": verdict.span_id,
            "sampled": bool(found.sampled),
            "baggage": lightstep.baggage(headers),
        }
    return {
        "context": context,
        "counter": {lightstep.EXTRACTION_ERROR: int(found == lightstep.EXTRACTION_ERROR)},
        "null_span": verdict.null,
        "new_trace": not verdict.span_id,
    }


@op("ot.roundtrip")
def ot_roundtrip(given: Given) -> Outcome:
    """A span that is sent on, and what the next tracer makes of it."""
    sent = [pair for inject in OPTIONS.injections for pair in inject(SPAN, Known(), NOWHERE)]
    verdict = lightstep.start(Known(sent), True, OPTIONS, word)
    _, parent_id = lightstep.span_ids(verdict, word)
    return {
        "same_trace": verdict.trace_id == SPAN.trace_id,
        "parent_is_injected_span": parent_id == SPAN.span_id,
    }


@op("ot.span")
def ot_span(given: Given) -> Outcome:
    """A span with what is done to it."""
    tags = lightstep.start_tags(given["envoy_traced"], given["direction"] == "egress")
    tags |= given.get("tags", {})
    if "set_sampled" in given:
        tags |= lightstep.sampled_tag(given["set_sampled"])
    outcome: dict[str, Any] = {"tags": tags}
    if "set_baggage" in given:
        name, value = given["set_baggage"]
        ((header, text),) = ot.inject(SPAN)
        sent = Known({header: ot.with_baggage(text, {name: value})})
        outcome["get_baggage"] = lightstep.baggage(sent).get(name.lower(), "")
    return outcome
