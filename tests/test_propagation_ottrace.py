"""`ot-tracer-*`, by what Lightstep's libraries and OpenTelemetry's propagators write."""

from __future__ import annotations

import pytest

from autotrace.propagation import ottrace
from tests.propagation_spans import Outgoing, known

WIDE = "80f198ee56343ba864fe8b2a57d3eff7"
NARROW = "64fe8b2a57d3eff7"
SPAN = "e457b5a2e4d86bd1"
NAMES = ("ot-tracer-traceid", "ot-tracer-spanid", "ot-tracer-sampled")


@pytest.mark.parametrize(
    ("headers", "trace_id", "span_id", "sampled"),
    [
        ((NARROW, SPAN, "true"), NARROW, SPAN, 1),
        ((NARROW, SPAN, "false"), NARROW, SPAN, 0),
        ((NARROW, SPAN, "1"), NARROW, SPAN, 1),
        ((NARROW, SPAN, "0"), NARROW, SPAN, 0),
        ((NARROW, SPAN, "True"), NARROW, SPAN, 1),
        ((NARROW, SPAN, "maybe"), NARROW, SPAN, None),
        ((NARROW, SPAN, ""), NARROW, SPAN, None),
        ((WIDE, SPAN, "true"), WIDE, SPAN, 1),
        ((WIDE.upper(), SPAN.upper(), "true"), WIDE, SPAN, 1),
        # As OpenTelemetry's Python writes them, without zeros in front.
        (("1c3b00da", "deadbeaf", "true"), "000000001c3b00da", "00000000deadbeaf", 1),
        (("abc", "1", "true"), "0000000000000abc", "0000000000000001", 1),
        ((WIDE[1:], SPAN, "true"), "0" + WIDE[1:], SPAN, 1),
    ],
)
def test_extract(
    headers: tuple[str, str, str], trace_id: str, span_id: str, sampled: int | None
) -> None:
    incoming = ottrace.extract(known(**dict(zip(NAMES, headers, strict=True))))
    assert incoming is not None
    assert (incoming.trace_id, incoming.span_id, incoming.sampled) == (trace_id, span_id, sampled)
    assert (incoming.format, incoming.parent_id) == ("ottrace", "")


def test_the_decision_may_be_left_to_the_receiver() -> None:
    incoming = ottrace.extract(known(ot_tracer_traceid=NARROW, ot_tracer_spanid=SPAN))
    assert incoming is not None
    assert incoming.sampled is None


@pytest.mark.parametrize(
    ("trace_id", "span_id"),
    [
        ("", SPAN),
        (NARROW, ""),
        ("0", SPAN),
        ("0" * 16, SPAN),
        ("0" * 32, SPAN),
        (NARROW, "0"),
        (NARROW, "0" * 16),
        (WIDE + "0", SPAN),
        (NARROW, SPAN + "0"),
        (NARROW[1:] + "g", SPAN),
        (NARROW, "-1"),
        (NARROW, "0x1"),
        ("+1", SPAN),
        (" " + NARROW[1:], SPAN),
        (NARROW, SPAN[:-2] + "  "),
        ("\u0661", SPAN),
        ("\xe9", "\xe9"),
        ("a" * 10_000, SPAN),
    ],
)
def test_malformed_is_ignored(trace_id: str, span_id: str) -> None:
    headers = known(ot_tracer_traceid=trace_id, ot_tracer_spanid=span_id, ot_tracer_sampled="true")
    assert ottrace.extract(headers) is None


@pytest.mark.parametrize(
    "headers",
    [{}, {"ot_tracer_sampled": "true"}, {"ot_tracer_traceid": NARROW}, {"ot_tracer_spanid": SPAN}],
)
def test_without_both_ids_there_is_no_span(headers: dict[str, str]) -> None:
    assert ottrace.extract(known(**headers)) is None


@pytest.mark.parametrize(
    ("span", "arrived", "values"),
    [
        (Outgoing(NARROW, SPAN, "", 1), "", (NARROW, SPAN, "true")),
        (Outgoing(NARROW, SPAN, "", 2), "", (NARROW, SPAN, "true")),
        (Outgoing(NARROW, SPAN, "", 0), "", (NARROW, SPAN, "false")),
        (Outgoing(NARROW, SPAN, "", None), "", (NARROW, SPAN)),
        # Most readers know 64 bits only, but not one that sent more.
        (Outgoing(WIDE, SPAN, "", 1), "", (NARROW, SPAN, "true")),
        (Outgoing(WIDE, SPAN, "", 1), NARROW, (NARROW, SPAN, "true")),
        (Outgoing(WIDE, SPAN, "", 1), WIDE, (WIDE, SPAN, "true")),
        (Outgoing(WIDE, SPAN, "", 1), WIDE[1:], (WIDE, SPAN, "true")),
        (Outgoing(NARROW + "0" * 16, SPAN, "", 1), "", ()),
    ],
)
def test_inject(span: Outgoing, arrived: str, values: tuple[str, ...]) -> None:
    headers = known(ot_tracer_traceid=arrived) if arrived else known()
    assert ottrace.inject(span, headers) == tuple(zip(NAMES, values, strict=False))
