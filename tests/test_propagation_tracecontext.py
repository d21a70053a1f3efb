"""`traceparent` and `tracestate`, by the rules and examples of W3C Trace Context level 2."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace.propagation import tracecontext
from autotrace.propagation.tracestate import tracestate
from tests.propagation_spans import HEX_SPAN, HEX_TRACE, Outgoing, known

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
VALID = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    ("flags", "sampled", "random"),
    [("00", 0, False), ("01", 1, False), ("02", 0, True), ("03", 1, True), ("ff", 1, True)],
)
def test_flags(flags: str, sampled: int, random: bool) -> None:
    incoming = tracecontext.extract(known(traceparent=f"00-{TRACE}-{SPAN}-{flags}"))
    assert incoming is not None
    assert (incoming.trace_id, incoming.span_id) == (TRACE, SPAN)
    assert (incoming.sampled, incoming.random) == (sampled, random)
    assert (incoming.parent_id, incoming.tracestate, incoming.format) == ("", "", "tracecontext")


@pytest.mark.parametrize(
    "value",
    [
        f"01-{TRACE}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01-",
        f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like",
        f" {VALID}",
        f"{VALID}\t ",
    ],
)
def test_later_versions_and_blanks_around_are_read(value: str) -> None:
    incoming = tracecontext.extract(known(traceparent=value))
    assert incoming is not None
    assert (incoming.trace_id, incoming.span_id, incoming.sampled) == (TRACE, SPAN, 1)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "00",
        "invalid00-0000000000000003-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"{VALID}-",
        f"{VALID}-extra",
        f"{VALID}.",
        f"{VALID}\n",
        f"cc-{TRACE}-{SPAN}-01.what-the-future-will-be-like",
        f"cc-{TRACE}-{SPAN}-011",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-0x",
        f"00-{TRACE}-{SPAN}-0A",
        f"0x-{TRACE}-{SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN.upper()}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}.-{SPAN}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"000-{TRACE}-{SPAN}-01",
        f"0-{TRACE}-{SPAN}-001",
        f"00-{TRACE}-{SPAN[:8]}-{SPAN[9:]}-01",
        f"00_{TRACE}_{SPAN}_01",
        f"{VALID},{VALID}",
        f"00-{TRACE[:-2]}\u0661\u0661-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01-{'x' * 8192}",
    ],
)
def test_malformed_starts_a_new_trace(value: str) -> None:
    assert tracecontext.extract(known(traceparent=value, tracestate="a=1")) is None


def test_several_traceparent_headers_are_malformed() -> None:
    headers = known(traceparent=VALID)
    headers.repeated = (("traceparent", VALID),)
    assert tracecontext.extract(headers) is None


def test_other_repeated_headers_do_not_matter() -> None:
    headers = known(traceparent=VALID)
    headers.repeated = (("sw8", "x"),)
    assert tracecontext.extract(headers) is not None


def test_tracestate_without_traceparent_is_ignored() -> None:
    assert tracecontext.extract(known(tracestate="a=1")) is None


@pytest.mark.parametrize(
    "state",
    [
        "foo=1",
        "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7",
        "foo=1 \t , \t bar=2",
        "foo=1,,bar=2,",
        "fw529a3039@dt=FfD7Q,0123@0=1,9=x",
        "a_b-c*d/e@f=!#$%&'()*+-./:;<>?@[]^_`{|}~",
        "foo= leading blank",
        f"{'z' * 256}={'v' * 256}",
        ",".join(f"k{number}={number}" for number in range(32)),
        ",".join(f"k{number}={'v' * 200}" for number in range(32)),
    ],
)
def test_a_valid_tracestate_is_kept_as_it_came(state: str) -> None:
    incoming = tracecontext.extract(known(traceparent=VALID, tracestate=state))
    assert incoming is not None
    assert incoming.tracestate == state


@pytest.mark.parametrize(
    "state",
    [
        "",
        " , ",
        "foo",
        "foo=",
        "=1",
        "foo =1",
        "FOO=1",
        "foo.bar=1",
        "@foo=1",
        "foo@=1,_x=2",
        "foo=bar=baz",
        "foo=\t1\t2",
        "foo=caf\xe9",
        "foo=1\r\nx-evil: 1",
        "foo=\x00",
        f"{'z' * 257}=1",
        f"z={'v' * 257}",
        ",".join(f"k{number}={number}" for number in range(33)),
        "a=1" + "," * 8000,
        "a=" + "1" * 9000,
    ],
)
def test_a_bad_tracestate_is_dropped_and_the_parent_kept(state: str) -> None:
    incoming = tracecontext.extract(known(traceparent=VALID, tracestate=state))
    assert incoming is not None
    assert (incoming.span_id, incoming.tracestate) == (SPAN, "")


def test_several_tracestate_headers_are_one() -> None:
    headers = known(traceparent=VALID, tracestate="foo=1")
    headers.repeated = (("tracestate", "bar=2"), ("baggage", "x=y"), ("tracestate", "baz=3"))
    incoming = tracecontext.extract(headers)
    assert incoming is not None
    assert incoming.tracestate == "foo=1,bar=2,baz=3"


@pytest.mark.parametrize(
    ("span", "pairs"),
    [
        (Outgoing(TRACE, SPAN, sampled=1), (("traceparent", VALID),)),
        (Outgoing(TRACE, SPAN, sampled=0), (("traceparent", f"00-{TRACE}-{SPAN}-00"),)),
        (Outgoing(TRACE, SPAN, sampled=None), (("traceparent", f"00-{TRACE}-{SPAN}-00"),)),
        (Outgoing(TRACE, SPAN, sampled=2), (("traceparent", VALID),)),
        (Outgoing(TRACE, SPAN, sampled=1, random=True), (("traceparent", f"{VALID[:-1]}3"),)),
        (Outgoing(TRACE, SPAN, sampled=0, random=True), (("traceparent", f"{VALID[:-1]}2"),)),
        (
            Outgoing(TRACE, SPAN, sampled=1, parent_id=SPAN, tracestate="a=1"),
            (("traceparent", VALID), ("tracestate", "a=1")),
        ),
        (
            Outgoing(TRACE[16:], SPAN, sampled=1),
            (("traceparent", f"00-{'0' * 16}{TRACE[16:]}-{SPAN}-01"),),
        ),
    ],
)
def test_inject(span: Outgoing, pairs: tuple[tuple[str, str], ...]) -> None:
    assert tracecontext.inject(span) == pairs


@given(
    HEX_TRACE, HEX_SPAN, st.integers(0, 1), st.sampled_from(["", "a=1", "a=1,b=2"]), st.booleans()
)
def test_what_is_injected_is_extracted(
    trace_id: str, span_id: str, sampled: int, tracestate: str, random: bool
) -> None:
    span = Outgoing(trace_id, span_id, sampled=sampled, tracestate=tracestate, random=random)
    incoming = tracecontext.extract(known(**dict(tracecontext.inject(span))))
    assert incoming is not None
    assert tracecontext.inject(incoming) == tracecontext.inject(span)
    assert incoming.trace_id.endswith(trace_id)


@given(st.text(), st.text())
def test_no_text_raises(traceparent: str, tracestate: str) -> None:
    tracecontext.extract(known(traceparent=traceparent, tracestate=tracestate))
    tracecontext.extract(known(traceparent=VALID, tracestate=tracestate))


@pytest.mark.parametrize("state", ["foo=1,foo=1", "foo=1,foo=2"])
def test_members_of_one_key_both_stay(state: str) -> None:
    """Level 2 and its test suite have them kept, or one of the two."""
    assert tracestate([state]) == state


@given(st.text(alphabet="a1=, \t@_-*/;é\r\n", max_size=60))
def test_a_tracestate_that_is_sent_on_keeps_the_rules(state: str) -> None:
    kept = tracestate([state])
    assert kept in ("", state)
    if kept:
        members = [text for member in kept.split(",") if (text := member.strip(" \t"))]
        assert all(re.fullmatch("[a1][a1@_*/-]*=[^,=\t]+", member) for member in members)
        assert "\r" not in kept
        assert "\n" not in kept
