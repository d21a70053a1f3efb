"""All formats together: who is the parent, what completes it, what goes out."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autotrace import propagation
from autotrace.headers import NO_HEADERS, Known
from autotrace.propagation import FORMATS, NOTHING, NOWHERE, OWNER, Incoming, Plan, Planner
from tests.propagation_spans import HEX_SPAN, HEX_TRACE, Outgoing, known

DEFAULT = ("tracecontext", "baggage", "b3multi")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
OTHER = "80f198ee56343ba864fe8b2a57d3eff7"
SPAN = "00f067aa0ba902b7"
SPAN_2 = "e457b5a2e4d86bd1"
PARENT = "05e3ac9a4f6e3b90"
W3C = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
MULTI = {"x-b3-traceid": TRACE, "x-b3-spanid": SPAN, "x-b3-sampled": "1"}


Found = tuple[Incoming | None, tuple[str, ...], tuple[Incoming, ...], int | None]


def extract(known: Known, order: tuple[str, ...]) -> Found:
    """Return parent, formats that arrived, other traces' spans, wish."""
    plan = Planner(order).plan(known)
    parent, others, wish = propagation.extract(known, plan)
    return parent, plan.arrived, others, wish


def formats(arrived: tuple[str, ...], configured: tuple[str, ...]) -> Plan:
    """Return the plan of a call that came in these formats."""
    names = tuple(FORMATS[name].headers[0] for name in arrived)
    return Plan(names, configured, frozenset())


def seen(incoming: Incoming | None) -> tuple[str, str, str] | None:
    if incoming is None:
        return None
    return incoming.format, incoming.trace_id, incoming.span_id


@pytest.mark.parametrize("headers", [{}, {"x-request-id": "1", "uberctx-a": "x", "baggage": "a=1"}])
def test_without_a_known_format_there_is_nothing(headers: dict[str, str]) -> None:
    assert extract(Known(headers), DEFAULT) == (None, (), (), None)
    assert propagation.extract(Known(), Planner(DEFAULT).nothing) == NOTHING


@pytest.mark.parametrize(
    ("order", "headers", "parent", "arrived"),
    [
        (DEFAULT, W3C, "tracecontext", ("tracecontext",)),
        (DEFAULT, MULTI, "b3multi", ("b3multi",)),
        (DEFAULT, W3C | MULTI, "tracecontext", ("tracecontext", "b3multi")),
        (("b3multi",), W3C | MULTI, "b3multi", ("b3multi", "tracecontext")),
        ((), MULTI | W3C, "tracecontext", ("tracecontext", "b3multi")),
        (("datadog", "unheard-of", "b3multi"), W3C | MULTI, "b3multi", ("b3multi", "tracecontext")),
        # The single header before the several ones, wherever they stand.
        (DEFAULT, MULTI | {"b3": f"{TRACE}-{SPAN}-1"}, "b3", ("b3", "b3multi")),
        (("b3multi", "b3"), MULTI | {"b3": f"{TRACE}-{SPAN}-1"}, "b3", ("b3", "b3multi")),
        # What is malformed did arrive, but names nobody.
        (DEFAULT, MULTI | {"b3": "x"}, "b3multi", ("b3", "b3multi")),
        (DEFAULT, MULTI | {"traceparent": "x"}, "b3multi", ("tracecontext", "b3multi")),
    ],
)
def test_the_first_format_that_names_a_span_is_the_parent(
    order: tuple[str, ...], headers: dict[str, str], parent: str, arrived: tuple[str, ...]
) -> None:
    found, formats_seen, others, wish = extract(Known(headers), order)
    assert seen(found) == (parent, TRACE, SPAN)
    assert (formats_seen, others, wish) == (arrived, (), 1)


@pytest.mark.parametrize(
    ("headers", "wish"),
    [
        ({"b3": "0"}, 0),
        ({"b3": "1"}, 1),
        ({"b3": "d"}, 2),
        ({"x-b3-sampled": "0"}, 0),
        ({"x-b3-flags": "1"}, 2),
        ({"x-b3-sampled": "0", "x-b3-flags": "1"}, 2),
    ],
)
def test_a_decision_without_ids_is_a_wish(headers: dict[str, str], wish: int) -> None:
    parent, arrived, others, wished = extract(Known(headers), DEFAULT)
    assert (parent, others, wished) == (None, (), wish)
    assert len(arrived) == 1


@pytest.mark.parametrize(
    ("headers", "wish"),
    [
        # A deferring format leaves the decision to the next.
        ({"b3": f"{TRACE}-{SPAN}"}, None),
        ({"b3": f"{TRACE}-{SPAN}", "x-b3-sampled": "0"}, 0),
        ({"b3": f"{TRACE}-{SPAN}-0", **MULTI}, 0),
        ({"b3": "0", **MULTI}, 0),
        ({**W3C, "b3": "0"}, 1),
        ({"traceparent": f"00-{TRACE}-{SPAN}-00", "b3": "1"}, 0),
        # Debug is a yes that W3C cannot say, but no way around a no.
        ({**W3C, "x-b3-flags": "1"}, 2),
        ({**W3C, "b3": f"{TRACE}-{SPAN}-d"}, 2),
        ({"traceparent": f"00-{TRACE}-{SPAN}-00", "x-b3-flags": "1"}, 0),
        ({**W3C, "b3": f"{OTHER}-{SPAN}-d"}, 1),
    ],
)
def test_the_first_explicit_state_is_the_wish(headers: dict[str, str], wish: int | None) -> None:
    assert extract(Known(headers), DEFAULT)[3] == wish


@pytest.mark.parametrize("traceparent", [f"00-{TRACE}-{SPAN}-0{flags}" for flags in range(4)])
@pytest.mark.parametrize("b3", [{}, {"x-b3-traceid": OTHER}, {"x-b3-spanid": SPAN_2}])
@pytest.mark.parametrize("sampled", [{}, *({"x-b3-sampled": state} for state in "01dx")])
@pytest.mark.parametrize("further", [{"x-b3-parentspanid": PARENT}, {"x-b3-flags": "1"}])
def test_w3c_and_b3_are_read_at_once_as_one_after_the_other(
    traceparent: str, b3: dict[str, str], sampled: dict[str, str], further: dict[str, str]
) -> None:
    told = {"x-b3-traceid": TRACE, "x-b3-spanid": SPAN, "tracestate": "a=1"} | b3
    headers = Known({"traceparent": traceparent} | told | sampled | further)
    plan = Planner(DEFAULT).plan(headers)
    at_once = propagation.extract(headers, plan)
    assert plan.twofold == ("x-b3-sampled" in headers and "x-b3-flags" not in headers)
    plan.twofold = False
    assert repr(at_once) == repr(propagation.extract(headers, plan))


def test_spans_of_other_traces_are_listed() -> None:
    headers = known(**W3C, b3=f"{OTHER}-{SPAN_2}-1", x_b3_traceid=TRACE, x_b3_spanid=SPAN_2)
    parent, _, others, _ = extract(headers, DEFAULT)
    assert seen(parent) == ("tracecontext", TRACE, SPAN)
    assert [seen(other) for other in others] == [("b3", OTHER, SPAN_2)]


def test_other_formats_of_the_same_trace_complete_the_parent() -> None:
    headers = Known(
        {
            "b3": f"{TRACE}-{SPAN}-1-{PARENT}",
            "traceparent": f"00-{TRACE}-{SPAN}-03",
            "tracestate": "a=1",
        }
    )
    for order in (("b3",), ("tracecontext",)):
        parent, _, others, _ = extract(headers, order)
        assert parent is not None
        assert (parent.tracestate, parent.random, parent.parent_id) == ("a=1", True, PARENT)
        assert others == ()


def test_a_tracestate_of_another_trace_is_not_mixed_in() -> None:
    headers = Known({"b3": f"{OTHER}-{SPAN}", **W3C, "tracestate": "a=1"})
    parent, _, others, _ = extract(headers, ("b3",))
    assert parent is not None
    assert parent.tracestate == ""
    assert [other.tracestate for other in others] == ["a=1"]


@pytest.mark.parametrize("order", [("b3multi",), ("tracecontext",)])
def test_a_widened_id_is_the_same_trace_and_keeps_its_narrow_form(order: tuple[str, ...]) -> None:
    narrow = TRACE[16:]
    headers = Known(
        {
            "traceparent": f"00-{'0' * 16}{narrow}-{SPAN}-01",
            "x-b3-traceid": narrow,
            "x-b3-spanid": SPAN,
        }
    )
    parent, _, others, _ = extract(headers, order)
    assert parent is not None
    assert (parent.trace_id, others) == (narrow, ())


def test_a_cut_id_is_the_same_trace() -> None:
    headers = Known({**W3C, "x-b3-traceid": TRACE[16:], "x-b3-spanid": SPAN})
    parent, _, others, _ = extract(headers, DEFAULT)
    assert parent is not None
    assert (parent.trace_id, others) == (TRACE, ())


def test_what_arrived_and_what_is_configured_goes_out_naming_one_span() -> None:
    sent = formats(("b3",), DEFAULT)
    span = Outgoing(TRACE, SPAN_2, SPAN, 1, "a=1")
    pairs = [pair for inject in sent.injections for pair in inject(span, NO_HEADERS, NOWHERE)]
    assert pairs == [
        ("traceparent", f"00-{TRACE}-{SPAN_2}-01"),
        ("tracestate", "a=1"),
        ("x-b3-traceid", TRACE),
        ("x-b3-spanid", SPAN_2),
        ("x-b3-parentspanid", SPAN),
        ("x-b3-sampled", "1"),
        ("b3", f"{TRACE}-{SPAN_2}-1-{SPAN}"),
    ]
    assert {name for name, _ in pairs} < sent.replaced


def test_a_format_is_sent_once_and_names_without_codec_are_left_out() -> None:
    assert len(formats(("b3", "tracecontext"), ("tracecontext", "unheard-of")).injections) == 2


def test_every_header_has_one_owner() -> None:
    for format in FORMATS.values():
        assert [OWNER[header] for header in format.headers] == [format.name] * len(format.headers)


def test_hostile_sets_of_names_do_not_fill_the_memory() -> None:
    planner = Planner(DEFAULT)
    for number in range(3000):
        planner.plan(Known({f"uberctx-{number}": "", "b3": "0"}))
    assert len(planner._plans) <= 1024


@given(
    HEX_TRACE,
    HEX_SPAN,
    st.just("") | HEX_SPAN,
    st.sampled_from([0, 1, 2]),
    st.permutations(sorted(FORMATS)),
)
def test_one_span_sent_in_all_formats_arrives_as_one(
    trace_id: str, span_id: str, parent_id: str, sampled: int, order: list[str]
) -> None:
    # Half of an id that is nothing cannot be named where ids have 64 bits.
    assume(trace_id[-16:] != "0" * 16)
    span = Outgoing(trace_id, span_id, parent_id, sampled, "a=1", True)
    sent = {
        n: v
        for inject in formats((), tuple(FORMATS)).injections
        for n, v in inject(span, NO_HEADERS, NOWHERE)
    }
    parent, arrived, others, wish = extract(Known(sent), tuple(order))
    assert parent is not None
    assert (parent.span_id, parent.parent_id, parent.tracestate, parent.random) == (
        span_id,
        parent_id,
        parent.tracestate,
        True,
    )
    # Datadog's member stands before it, of what Datadog's headers say too.
    assert parent.tracestate.partition(",")[2] == "a=1"
    # Some formats do not tell a widened id from a wide one that begins with zeros.
    assert parent.trace_id.rjust(32, "0") == trace_id.rjust(32, "0")
    assert (set(arrived), others, wish) == (set(FORMATS), (), sampled)


@given(
    st.dictionaries(st.sampled_from([*OWNER]), st.text() | HEX_TRACE),
    st.lists(st.sampled_from([*OWNER.values()]), max_size=4),
)
def test_no_text_raises(headers: dict[str, str], order: list[str]) -> None:
    extract(Known(headers), tuple(order))
