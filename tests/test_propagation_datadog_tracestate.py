"""Datadog's member of `tracestate`, as dd-trace reads and writes it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace.headers import Known
from autotrace.propagation.datadog_state import State, from_tracestate
from autotrace.propagation.datadog_tracestate import (
    inject_tracecontext,
    tracestate_member,
    with_member,
)
from autotrace.propagation.tracestate import tracestate as valid_tracestate
from tests.propagation_spans import Outgoing

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
P = f"p:{SPAN}"
MEMBERS = [f"k{number}=v" for number in range(32)]


@pytest.mark.parametrize(
    ("tracestate", "state"),
    [
        ("", State()),
        ("a=b,add=s:1,dd@x=s:1", State()),
        ("dd=s:2", State(2)),
        ("a=b, dd=s:-1;o:rum,c=d", State(-1, "rum")),
        (
            "dd=s:1;o:a~b;p:1;t.dm:-4;t.usr.id:x~~",
            State(1, "a=b", (("_dd.p.dm", "-4"), ("_dd.p.usr.id", "x==")), "1"),
        ),
        ("dd=s:9;x:1;;noise;y:2", State(None, others="x:1;y:2")),
    ],
)
def test_what_the_member_says(tracestate: str, state: State) -> None:
    assert from_tracestate(tracestate) == state


@pytest.mark.parametrize(
    ("sampled", "tracestate", "known", "member"),
    [
        (1, "", {}, f"dd=s:1;{P};t.dm:-0"),
        (0, "", {}, f"dd=s:0;{P}"),
        (2, "", {}, f"dd=s:2;{P};t.dm:-4"),
        (None, "", {}, f"dd={P}"),
        (1, "dd=s:2;o:rum;p:1;t.dm:-4;x:1", {}, f"dd=s:2;{P};o:rum;t.dm:-4;x:1"),
        (1, "dd=s:0;x:1", {"x-datadog-sampling-priority": "2"}, f"dd=s:2;{P};x:1"),
        (
            1,
            "",
            {
                "x-datadog-sampling-priority": "1",
                "x-datadog-origin": "a=b;c~d,e",
                "x-datadog-tags": "_dd.p.k;e~y=v;a~l=,_dd.p.tid=640cfd8d00000000",
            },
            f"dd=s:1;{P};o:a~b_c_d_e;t.k_e~y:v_a_l~",
        ),
    ],
)
def test_the_member_that_is_written(
    sampled: int | None, tracestate: str, known: dict[str, str], member: str
) -> None:
    span = Outgoing(TRACE, SPAN, "", sampled, tracestate)
    assert tracestate_member(span, Known(known)) == member


def test_a_member_is_cut_between_items() -> None:
    tags = f"_dd.p.a={'x' * 100},_dd.p.b={'y' * 100},_dd.p.c=z"
    known = Known({"x-datadog-sampling-priority": "1", "x-datadog-tags": tags})
    member = tracestate_member(Outgoing(TRACE, SPAN, "", 1), known)
    assert member == f"dd=s:1;{P};t.a:{'x' * 100};t.b:{'y' * 100};t.c:z"
    known["x-datadog-tags"] = tags.replace("z", "z" * 100)
    member = tracestate_member(Outgoing(TRACE, SPAN, "", 1), known)
    assert member == f"dd=s:1;{P};t.a:{'x' * 100};t.b:{'y' * 100}"


@pytest.mark.parametrize(
    ("tracestate", "member", "expected"),
    [
        ("", "dd=s:1", "dd=s:1"),
        ("a=b", "dd=s:1", "dd=s:1,a=b"),
        ("a=b, dd=s:0 ,,c=d", "dd=s:1", "dd=s:1,a=b,c=d"),
        ("a=b,dd=s:0", "", "a=b"),
        ("", "", ""),
        (",".join(MEMBERS), "dd=s:1", ",".join(["dd=s:1", *MEMBERS[:31]])),
    ],
)
def test_the_member_stands_first_and_once(tracestate: str, member: str, expected: str) -> None:
    assert with_member(tracestate, member) == expected


def test_no_tracestate_becomes_longer_than_may_be_sent() -> None:
    longest = "a=" + "x" * 4093 + ",b=" + "y" * 4093
    assert with_member(longest, "dd=s:1") == "dd=s:1,a=" + "x" * 4093


def test_w3c_headers_carry_the_member() -> None:
    span = Outgoing(TRACE, SPAN, "", 1, "a=b,dd=s:2;p:1;o:rum")
    assert inject_tracecontext(span) == (
        ("traceparent", f"00-{TRACE}-{SPAN}-01"),
        ("tracestate", f"dd=s:2;{P};o:rum,a=b"),
    )


@given(st.text(), st.text(), st.sampled_from([None, 0, 1, 2]))
def test_whatever_arrived_the_member_is_valid(text: str, tag: str, sampled: int | None) -> None:
    headers = {"x-datadog-origin": text, "x-datadog-tags": f"_dd.p.x={tag}"}
    span = Outgoing(TRACE, SPAN, "", sampled, valid_tracestate([text]))
    member = tracestate_member(span, Known(headers))
    assert valid_tracestate([member]) == member
    assert valid_tracestate([with_member(span.tracestate, member)])
