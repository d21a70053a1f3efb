"""Datadog's headers, by their documentation and what dd-trace does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace.headers import Known
from autotrace.propagation import datadog
from autotrace.propagation.values import acceptable
from tests.propagation_spans import HEX_SPAN, Outgoing

TRACE, PARENT = "x-datadog-trace-id", "x-datadog-parent-id"
PRIORITY, ORIGIN, TAGS = (
    "x-datadog-sampling-priority",
    "x-datadog-origin",
    "x-datadog-tags",
)
IDS = {TRACE: "1234", PARENT: "5678"}
HIGH = "640cfd8d00000000"
LOW, SPAN = "00000000000004d2", "000000000000162e"
BY_DEFAULT = "_dd.p.dm=-0"


def extracted(headers: dict[str, str]) -> tuple[str, str, int | None] | None:
    incoming = datadog.extract(Known(headers))
    if incoming is None:
        return None
    assert (incoming.format, incoming.parent_id, incoming.tracestate) == ("datadog", "", "")
    return incoming.trace_id, incoming.span_id, incoming.sampled


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (IDS, (LOW, SPAN, None)),
        (IDS | {PRIORITY: "2"}, (LOW, SPAN, 1)),
        (IDS | {PRIORITY: "1"}, (LOW, SPAN, 1)),
        (IDS | {PRIORITY: "0"}, (LOW, SPAN, 0)),
        (IDS | {PRIORITY: "-1"}, (LOW, SPAN, 0)),
        (IDS | {PRIORITY: "keep"}, (LOW, SPAN, None)),
        (IDS | {TAGS: f"_dd.p.tid={HIGH}"}, (HIGH + LOW, SPAN, None)),
        (IDS | {TAGS: f"_dd.p.dm=-1, _dd.p.tid={HIGH.upper()}"}, (HIGH + LOW, SPAN, None)),
        (IDS | {TAGS: "_dd.p.tid=" + "0" * 16}, (LOW, SPAN, None)),
        (IDS | {TAGS: f"_dd.p.tid={HIGH[1:]}"}, (LOW, SPAN, None)),
        (IDS | {TAGS: f"_dd.p.tid={HIGH}0"}, (LOW, SPAN, None)),
        (IDS | {TAGS: f"_dd.p.tid=0x{HIGH[2:]}"}, (LOW, SPAN, None)),
        (IDS | {TAGS: f"x_dd.p.tid={HIGH}"}, (LOW, SPAN, None)),
        (IDS | {TAGS: f"_dd.p.tid={HIGH},\xe9"}, (HIGH + LOW, SPAN, None)),
        (IDS | {TAGS: f"_dd.p.tid={HIGH}-,"}, (LOW, SPAN, None)),
        ({TRACE: str(2**64 - 1), PARENT: "1"}, ("f" * 16, "0" * 15 + "1", None)),
        # A trace that a browser or a synthetic test began.
        ({TRACE: "1234"}, (LOW, "", None)),
        (IDS | {PARENT: "0", ORIGIN: "synthetics", PRIORITY: "2"}, (LOW, "", 1)),
        # Only a wish.
        ({PRIORITY: "1"}, ("", "", 1)),
        ({PRIORITY: "-1"}, ("", "", 0)),
        (IDS | {TRACE: "x", PRIORITY: "0"}, ("", "", 0)),
    ],
)
def test_extract(headers: dict[str, str], expected: tuple[str, str, int | None]) -> None:
    assert extracted(headers) == expected


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {PARENT: "5678"},
        {ORIGIN: "rum", TAGS: f"_dd.p.tid={HIGH}"},
        {PRIORITY: "3"},
        {PRIORITY: ""},
        IDS | {TRACE: "0"},
        IDS | {TRACE: ""},
        IDS | {TRACE: "-1"},
        IDS | {TRACE: "+1"},
        IDS | {TRACE: "1_2"},
        IDS | {TRACE: "0x12"},
        IDS | {TRACE: "4d2"},
        IDS | {TRACE: " 1234"},
        IDS | {TRACE: "\xb9"},
        IDS | {TRACE: "\u0661"},
        IDS | {TRACE: str(2**64)},
        IDS | {TRACE: "9" * 20},
        IDS | {TRACE: "1" * 100_000},
        IDS | {PARENT: ""},
        IDS | {PARENT: "x"},
        IDS | {PARENT: str(2**64)},
    ],
)
def test_absent_and_malformed(headers: dict[str, str]) -> None:
    assert extracted(headers) is None


@pytest.mark.parametrize(
    ("span", "known", "headers"),
    [
        (Outgoing(LOW, SPAN), {}, IDS),
        (Outgoing(LOW, SPAN, sampled=0), {}, IDS | {PRIORITY: "0"}),
        (Outgoing(LOW, SPAN, sampled=1), {}, IDS | {PRIORITY: "1", TAGS: BY_DEFAULT}),
        (Outgoing(LOW, SPAN, sampled=2), {}, IDS | {PRIORITY: "2", TAGS: "_dd.p.dm=-4"}),
        (Outgoing(HIGH + LOW, SPAN), {}, IDS | {TAGS: f"_dd.p.tid={HIGH}"}),
        (Outgoing("0" * 16 + LOW, SPAN), {}, IDS),
        # A priority of the same verdict is kept, and with it who decided.
        (Outgoing(LOW, SPAN, sampled=1), {PRIORITY: "2"}, IDS | {PRIORITY: "2"}),
        (Outgoing(LOW, SPAN, sampled=0), {PRIORITY: "-1"}, IDS | {PRIORITY: "-1"}),
        (
            Outgoing(HIGH + LOW, SPAN, sampled=1),
            {PRIORITY: "1", TAGS: "_dd.p.dm=-3,_dd.p.usr.id=a=b c,other=1,_dd.p.=x,_dd.p.y"},
            IDS | {PRIORITY: "1", TAGS: f"_dd.p.tid={HIGH},_dd.p.dm=-3,_dd.p.usr.id=a=b c"},
        ),
        (
            Outgoing(LOW, SPAN, sampled=1),
            {PRIORITY: "0", TAGS: f"_dd.p.a=1,_dd.p.tid={HIGH}"},
            IDS | {PRIORITY: "1", TAGS: f"{BY_DEFAULT},_dd.p.a=1"},
        ),
        (
            Outgoing(LOW, SPAN, sampled=0),
            {PRIORITY: "2", TAGS: "_dd.p.dm=-4,_dd.p.a=1"},
            IDS | {PRIORITY: "0", TAGS: "_dd.p.a=1"},
        ),
        (
            Outgoing(LOW, SPAN, sampled=2),
            {PRIORITY: "1", TAGS: "_dd.p.dm=-3"},
            IDS | {PRIORITY: "2", TAGS: "_dd.p.dm=-3"},
        ),
        (Outgoing(LOW, SPAN), {PRIORITY: "2"}, IDS | {PRIORITY: "2"}),
        (Outgoing(LOW, SPAN), {ORIGIN: "rum"}, IDS | {ORIGIN: "rum"}),
        (Outgoing(LOW, SPAN), {ORIGIN: "r\r\num", TAGS: "_dd.p.a=\x00"}, IDS),
        # What was said of this trace goes on, and not what was said of another or of none.
        (Outgoing(LOW, SPAN), {TRACE: "01234", ORIGIN: "rum"}, IDS | {ORIGIN: "rum"}),
        (Outgoing(LOW, SPAN), {TRACE: "1235", ORIGIN: "rum", PRIORITY: "2"}, IDS),
        (Outgoing(LOW, SPAN), {TRACE: "x", ORIGIN: "rum", TAGS: "_dd.p.a=1"}, IDS),
        # Where only W3C's headers came, Datadog's words stand in `tracestate`.
        (
            Outgoing(LOW, SPAN, sampled=1, tracestate="dd=s:2;o:rum;p:1;t.dm:-4;t.a:b~c,x=y"),
            {},
            IDS | {PRIORITY: "2", ORIGIN: "rum", TAGS: "_dd.p.dm=-4,_dd.p.a=b=c"},
        ),
        (
            Outgoing(LOW, SPAN, sampled=0, tracestate="x=y, dd=s:-1;t.a b:1;t.:2;t.c:"),
            {},
            IDS | {PRIORITY: "-1"},
        ),
    ],
)
def test_inject(span: Outgoing, known: dict[str, str], headers: dict[str, str]) -> None:
    assert dict(datadog.inject(span, Known(known))) == headers


def test_tags_that_do_not_fit_are_left_out() -> None:
    span = Outgoing(HIGH + LOW, SPAN)
    fitting = f"_dd.p.tid={HIGH},_dd.p.b=" + "y" * (512 - 26 - 9)
    known = Known({TAGS: f"_dd.p.b={'y' * (512 - 26 - 9)},_dd.p.c=z"})
    assert dict(datadog.inject(span, known))[TAGS] == fitting
    assert len(fitting) == 512


def test_a_trace_that_datadog_cannot_name_is_not_named() -> None:
    assert datadog.inject(Outgoing(HIGH + "0" * 16, SPAN, sampled=1)) == ()


# Datadog knows no trace whose lower half is zero, and spells no upper half that is.
TRACES = st.tuples(st.just("") | HEX_SPAN, HEX_SPAN).map("".join)


@given(TRACES, HEX_SPAN, st.sampled_from([None, 0, 1]))
def test_what_is_injected_is_extracted(trace_id: str, span_id: str, sampled: int | None) -> None:
    headers = dict(datadog.inject(Outgoing(trace_id, span_id, "", sampled)))
    assert extracted(headers) == (trace_id, span_id, sampled)


TEXT = st.text() | st.text(alphabet="0123456789-") | st.text(alphabet="_dd.p.tiabf=,; \t")


@given(st.dictionaries(st.sampled_from(datadog.HEADERS), TEXT), HEX_SPAN, TEXT)
def test_no_text_raises_and_what_is_sent_is_acceptable(
    headers: dict[str, str], span_id: str, tracestate: str
) -> None:
    known = Known(headers)
    datadog.extract(known)
    span = Outgoing(span_id, span_id, "", 1, tracestate if acceptable(tracestate) else "")
    assert all(acceptable(value) for _, value in datadog.inject(span, known))
