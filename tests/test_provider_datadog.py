"""Envoy's Datadog tracer: whom it believes, and which priority it goes on with."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace import datadog_rates
from autotrace.config import Config
from autotrace.headers import NO_HEADERS, Known
from autotrace.propagation import NOWHERE as HOP
from autotrace.propagation import datadog as datadog_format
from autotrace.propagation.values import acceptable
from autotrace.provider import datadog
from autotrace.provider.datadog import Options, Parent
from autotrace.span import CLIENT, ERROR, SERVER, UNSET
from tests.propagation_spans import Outgoing

STYLES = ("datadog", "tracecontext")
LOW, HIGH = "00000000000004d2", "640cfd8d00000000"
SPAN, OTHER = "000000000000162e", "00f067aa0ba902b7"
PRIORITY = {"x-datadog-sampling-priority": "2"}
DATADOG = {"x-datadog-trace-id": "1234", "x-datadog-parent-id": "5678"}
TAGS = {"x-datadog-tags": f"_dd.p.tid={HIGH}"}
W3C = {"traceparent": f"00-{HIGH}{LOW}-{OTHER}-01"}
ELSEWHERE = {"traceparent": f"00-{OTHER}{LOW}-{OTHER}-00", "tracestate": "dd=s:-1"}


def words(*numbers: int) -> Callable[[], int]:
    """Random words in the order in which they are drawn."""
    return iter(numbers).__next__


@pytest.mark.parametrize(
    ("headers", "styles", "parent"),
    [
        ({}, STYLES, None),
        (PRIORITY, STYLES, None),
        (DATADOG, STYLES, Parent(LOW, SPAN, None, "")),
        (DATADOG | PRIORITY, STYLES, Parent(LOW, SPAN, 2, "")),
        (DATADOG | PRIORITY, ("tracecontext",), None),
        (W3C, STYLES, Parent(HIGH + LOW, OTHER, 1, "")),
        (W3C, ("datadog",), None),
        # What the flag says is refined by Datadog's member, and not overruled.
        (W3C | {"tracestate": "dd=s:2"}, STYLES, Parent(HIGH + LOW, OTHER, 2, "dd=s:2")),
        (W3C | {"tracestate": "dd=s:0"}, STYLES, Parent(HIGH + LOW, OTHER, 1, "dd=s:0")),
        (W3C | {"tracestate": "dd=o:rum"}, STYLES, Parent(HIGH + LOW, OTHER, 1, "dd=o:rum")),
        (ELSEWHERE, STYLES, Parent(OTHER + LOW, OTHER, -1, "dd=s:-1")),
        # The first style that names a trace wins; of the other one the same trace's state counts.
        (DATADOG | ELSEWHERE, STYLES, Parent(LOW, SPAN, None, "")),
        (DATADOG | ELSEWHERE, STYLES[::-1], Parent(OTHER + LOW, OTHER, -1, "dd=s:-1")),
        (
            DATADOG | TAGS | W3C | {"tracestate": "a=b"},
            STYLES,
            Parent(HIGH + LOW, SPAN, None, "a=b"),
        ),
        (DATADOG | W3C | {"tracestate": "a=b"}, STYLES, Parent(LOW, SPAN, None, "")),
        (
            DATADOG | TAGS | W3C | {"tracestate": "a=b"},
            ("datadog",),
            Parent(HIGH + LOW, SPAN, None, ""),
        ),
        # What is malformed ends it.
        (DATADOG | W3C | {"x-datadog-trace-id": "x"}, STYLES, None),
        (DATADOG | W3C | {"x-datadog-parent-id": "-1"}, STYLES, None),
        (W3C | {"x-datadog-trace-id": "1234"}, STYLES, None),
        (W3C | {"x-datadog-parent-id": "1234"}, STYLES, Parent(HIGH + LOW, OTHER, 1, "")),
        (
            {"x-datadog-trace-id": "1234", "x-datadog-origin": "rum"},
            STYLES,
            Parent(LOW, "", None, ""),
        ),
        ({"b3": f"{LOW}-{SPAN}-d"}, ("b3",), Parent(LOW, SPAN, 2, "")),
        ({"x-b3-traceid": LOW, "x-b3-spanid": SPAN}, ("b3multi",), Parent(LOW, SPAN, None, "")),
        ({"x-b3-sampled": "1"}, ("b3multi",), None),
    ],
)
def test_extract(headers: dict[str, str], styles: tuple[str, ...], parent: Parent | None) -> None:
    assert datadog.extract(Known(headers), styles) == parent


@pytest.mark.parametrize(
    ("headers", "traced", "ids", "sampled", "priority"),
    [
        ({}, True, (f"{2:016x}{1:016x}", ""), 1, "1"),
        ({}, False, (f"{2:016x}{1:016x}", ""), 0, "-1"),
        (DATADOG, True, (LOW, SPAN), 1, "1"),
        (DATADOG, False, (LOW, SPAN), 0, "-1"),
        (DATADOG | PRIORITY, False, (LOW, SPAN), 1, "2"),
        (DATADOG | {"x-datadog-sampling-priority": "0"}, True, (LOW, SPAN), 0, "0"),
        (ELSEWHERE, True, (OTHER + LOW, OTHER), 0, "-1"),
        (W3C | {"traceparent": W3C["traceparent"][:-2] + "00"}, True, (HIGH + LOW, OTHER), 0, "0"),
    ],
)
def test_the_priority_that_is_decided_is_the_one_that_is_sent(
    headers: dict[str, str], traced: bool, ids: tuple[str, str], sampled: int, priority: str
) -> None:
    verdict = datadog.start(Known(headers), traced, Options(), words(1, 2))
    assert (verdict.trace_id, verdict.span_id) == ids
    assert (verdict.sampled, verdict.null) == (sampled, False)
    span = Outgoing(verdict.trace_id, SPAN, "", verdict.sampled, verdict.tracestate)
    sent = {n: v for write in Options().injections for n, v in write(span, Known(headers), HOP)}
    assert sent["x-datadog-sampling-priority"] == priority
    assert sent["tracestate"].startswith(f"dd=s:{priority};p:{SPAN}")


def test_short_ids_of_new_traces() -> None:
    verdict = datadog.start(NO_HEADERS, True, Options(trace_id_128bit=False), words(0xCAFE))
    assert verdict.trace_id == f"{0xCAFE:016x}"
    assert datadog.span_ids(verdict, words(7)) == (f"{7:016x}", "")


def test_the_styles_are_configured() -> None:
    options = Options.from_config(Config(datadog_propagation_style_extract=("b3",)))
    assert (options.extract, options.injects) == (("b3",), STYLES)


@pytest.mark.parametrize(("sampled", "priority"), [(True, 2), (False, -1)])
def test_a_decision_by_hand(sampled: bool, priority: int) -> None:
    assert datadog.priority_of_will(sampled) == priority


@pytest.mark.parametrize(
    ("trace_id", "text"),
    [
        (HIGH + "0" * 8 + "cafebabe", "cafebabe"),
        ("0" * 8 + "cafebabe", "cafebabe"),
        ("0" * 32, "0"),
    ],
)
def test_the_trace_id_as_it_is_told(trace_id: str, text: str) -> None:
    assert datadog.trace_id_text(trace_id) == text


@pytest.mark.parametrize(
    ("tags", "status"), [({"error": "true"}, ERROR), ({"error": "false"}, UNSET), ({}, UNSET)]
)
def test_the_error_tag_is_the_status(tags: dict[str, str], status: int) -> None:
    assert datadog.status(SERVER, tags) == datadog.status(CLIENT, tags) == status


@given(st.dictionaries(st.sampled_from(datadog.READS), st.text()), st.booleans())
def test_no_headers_raise(headers: dict[str, str], traced: bool) -> None:
    options = Options(("datadog", "tracecontext", "b3", "b3multi"))
    verdict = datadog.start(Known(headers), traced, options, words(1, 2))
    span = Outgoing(verdict.trace_id, SPAN, "", verdict.sampled, verdict.tracestate)
    for write in options.injections:
        assert all(acceptable(value) for _, value in write(span, Known(headers), HOP))


@pytest.fixture
def rate() -> Iterator[Callable[[float], None]]:
    """Has the agent ask for a share of the traces of `shop`; all of others'."""
    yield lambda share: datadog_rates.learn({"service:shop,env:live": share})
    datadog_rates.learn({})


@pytest.mark.parametrize(
    ("share", "word", "sampled", "sent"),
    [
        # 1 times Datadog's factor lies at six percent of all ids.
        (0.07, 1, 1, ("1", "_dd.p.dm=-1")),
        (0.05, 1, 0, ("0", "")),
        (1.0, 2**64 - 1, 1, ("1", "_dd.p.dm=-1")),
        (0.0, 1, 0, ("0", "")),
    ],
)
def test_what_nobody_decides_is_left_to_the_rates_of_the_agent(
    rate: Callable[[float], None], share: float, word: int, sampled: int, sent: tuple[str, str]
) -> None:
    rate(share)
    options = Options(service="shop", env="live")
    verdict = datadog.start(NO_HEADERS, True, options, words(word, 0))
    assert verdict.sampled == sampled
    span = Outgoing(verdict.trace_id, SPAN, sampled=sampled, tracestate=verdict.tracestate)
    written = dict(datadog_format.inject(span, NO_HEADERS))
    assert written["x-datadog-sampling-priority"] == sent[0]
    assert sent[1] in written.get("x-datadog-tags", "")


def test_rates_do_not_count_where_somebody_decided(rate: Callable[[float], None]) -> None:
    rate(0.0)
    options = Options(service="shop", env="live")
    assert datadog.start(Known(DATADOG | PRIORITY), True, options, words()).sampled == 1
    assert datadog.start(NO_HEADERS, False, Options(service="other"), words(1, 2)).sampled == 0
    assert datadog.start(NO_HEADERS, True, Options(service="other"), words(1, 2)).sampled == 1
