"""Envoy's Zipkin tracer: what it reads, in which order it complains, what it sends on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace.config import Config
from autotrace.headers import NO_HEADERS, Known
from autotrace.propagation import NOWHERE, acceptable
from autotrace.provider import b3_single, zipkin
from autotrace.provider.zipkin import Options
from autotrace.span import CLIENT, SERVER, span_kind
from tests.propagation_spans import known

TRACE = "463ac35c9f6413ad"
LONG = "463ac35c9f6413ad48485a3953bb6124"
SPAN = "a2fb4a1d1a96d312"
PARENT = "0020000000000001"
W3C = f"00-{LONG}-{SPAN}-01"
DUAL = Options(trace_context_option="USE_B3_WITH_W3C_PROPAGATION")


def words(*numbers: int) -> Callable[[], int]:
    """Random words in the order in which they are drawn."""
    return iter(numbers).__next__


def multi(**named: str) -> Known:
    """Headers by what stands behind `x-b3-`."""
    return known(**{f"x_b3_{name}": value for name, value in named.items()})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", "empty"),
        ("0", None),
        ("1", None),
        ("d", None),
        ("D", "invalid_flag"),
        ("x", "invalid_flag"),
        ("10", "truncated"),
        (f"{LONG}", "truncated"),
        (f"{TRACE}-{SPAN}", (TRACE, SPAN, "")),
        (f"{TRACE}-{SPAN}-1", (TRACE, SPAN, "")),
        (f"{LONG}-{SPAN}-d-{PARENT}", (LONG, SPAN, PARENT)),
        (f"{LONG}-{SPAN}-0-{'0' * 16}", (LONG, SPAN, "")),
        (f"{LONG}-{SPAN}-d-{PARENT}0", "too_long"),
        (f"{'x' * 16}{TRACE}-{SPAN}", "bad_trace_id_high"),
        (f"{TRACE}{'x' * 16}-{SPAN}", "bad_trace_id"),
        (f"{'x' * 16}-{SPAN}", "bad_trace_id"),
        (f"{TRACE}+{SPAN}", "no_span_id"),
        (f"{TRACE}-{'x' * 16}", "bad_span_id"),
        (f"{LONG}-{TRACE[:3]}", "bad_span_id"),
        (f"{TRACE}-{SPAN}-", "truncated"),
        (f"{TRACE}-{SPAN}1", "truncated"),
        (f"{TRACE}-{SPAN}11", "no_sampling_field"),
        (f"{TRACE}-{SPAN}-{PARENT}", "truncated"),
        (f"{TRACE}-{SPAN}-x", "invalid_flag"),
        (f"{TRACE}-{SPAN}-x-{PARENT}", "invalid_flag"),
        (f"{TRACE}-{SPAN}-1-", "truncated"),
        (f"{TRACE}-{SPAN}-1-{PARENT[:15]}", "truncated"),
        (f"{TRACE}-{SPAN}-1-{PARENT[:15]}x", "bad_parent_id"),
        (f"{TRACE}-{SPAN}-1- 0020000000000 1", "bad_parent_id"),
    ],
)
def test_the_single_header_by_envoys_checks_in_their_order(value: str, expected: object) -> None:
    assert b3_single.read(value) == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (multi(traceid=TRACE, spanid=SPAN), (TRACE, SPAN, "")),
        (multi(traceid=LONG.upper(), spanid=SPAN.upper()), (LONG, SPAN, "")),
        (multi(traceid=LONG, spanid=SPAN, parentspanid=PARENT), (LONG, SPAN, PARENT)),
        (multi(traceid=TRACE, spanid=SPAN, parentspanid=""), (TRACE, SPAN, "")),
        (multi(traceid=TRACE, spanid=SPAN, parentspanid="0"), (TRACE, SPAN, "")),
        # One hex number of up to 64 bits, however many digits it has.
        (multi(traceid="1", spanid="3"), (f"{1:016x}", f"{3:016x}", "")),
        (multi(traceid=f"0000{TRACE}", spanid=SPAN), (TRACE, SPAN, "")),
        (multi(traceid=TRACE), None),
        (multi(spanid=SPAN), None),
        (multi(traceid="", spanid=SPAN), "bad_trace_id"),
        (multi(traceid=f"1{TRACE}", spanid=SPAN), "bad_trace_id"),
        (multi(traceid=f"{LONG[:31]}!", spanid=SPAN), "bad_trace_id"),
        (multi(traceid=f"!{LONG[:31]}", spanid=SPAN), "bad_trace_id"),
        (multi(traceid=TRACE, spanid=f"+{SPAN[1:]}"), "bad_span_id"),
        (multi(traceid=TRACE, spanid=""), "bad_span_id"),
        (multi(traceid=TRACE, spanid=SPAN, parentspanid="xyz"), "bad_parent_id"),
    ],
)
def test_several_headers(headers: Known, expected: object) -> None:
    assert zipkin.extract(headers, True)[1] == expected


@pytest.mark.parametrize(
    ("headers", "traced", "expected"),
    [
        (NO_HEADERS, True, True),
        (NO_HEADERS, False, False),
        (multi(sampled="1"), False, True),
        (multi(sampled="true"), False, True),
        (multi(sampled="0"), True, False),
        (multi(sampled="True"), True, False),
        (multi(sampled="d"), True, False),
        (multi(sampled=""), True, False),
        (multi(flags="1"), False, False),
        (known(b3="1"), False, True),
        (known(b3="d"), False, True),
        (known(b3="0", x_b3_sampled="1"), True, False),
        (known(b3="x", x_b3_sampled="1"), False, False),
        # By the length alone, whatever stands there.
        (known(b3=f"{'!' * 34}0"), True, False),
        (known(b3=f"{'!' * 50}d{'!' * 17}"), False, True),
        (known(b3=f"{TRACE}-{SPAN}-x"), True, True),
        (known(b3=f"{TRACE}-{SPAN}"), False, False),
    ],
)
def test_the_state_is_the_headers_before_it_is_envoys(
    headers: Known, traced: bool, expected: bool
) -> None:
    assert zipkin.extract(headers, traced)[0] is expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (known(traceparent=W3C), (True, (LONG, SPAN, ""))),
        (known(traceparent=W3C.upper()), (True, (LONG, SPAN, ""))),
        (known(traceparent="00-x"), (False, None)),
        (known(traceparent=W3C, x_b3_sampled="0"), (False, (LONG, SPAN, ""))),
        (known(traceparent=W3C, x_b3_spanid="1"), (True, (LONG, SPAN, ""))),
        (
            known(traceparent=W3C, x_b3_traceid=TRACE, x_b3_spanid=PARENT),
            (True, (TRACE, PARENT, "")),
        ),
        (known(traceparent=W3C, b3="0"), (False, None)),
        (known(traceparent=W3C, b3=""), (False, "empty")),
    ],
)
def test_w3c_completes_b3_where_that_is_asked_for(headers: Known, expected: object) -> None:
    assert zipkin.extract(headers, False, w3c=True) == expected


def test_w3c_is_not_read_otherwise() -> None:
    assert zipkin.extract(known(traceparent=W3C), False) == (False, None)


def test_a_new_trace_has_64_bits_that_are_its_first_spans_too() -> None:
    verdict = zipkin.start(NO_HEADERS, True, Options(), words(0xAA))
    assert (verdict.trace_id, verdict.sampled, verdict.null) == (f"{0xAA:016x}", 1, False)
    assert zipkin.span_ids(verdict, words()) == (f"{0xAA:016x}", "")


def test_a_new_trace_of_128_bits_draws_its_high_half_second() -> None:
    verdict = zipkin.start(NO_HEADERS, False, Options(trace_id_128bit=True), words(0xAA, 0xBB))
    assert (verdict.trace_id, verdict.sampled) == (f"{0xBB:016x}{0xAA:016x}", 0)
    assert zipkin.span_ids(verdict, words()) == (f"{0xAA:016x}", "")


@pytest.mark.parametrize(
    ("shared", "egress", "expected"),
    [
        (True, False, (SPAN, PARENT)),
        (False, False, (f"{0xAA:016x}", SPAN)),
        (True, True, (f"{0xAA:016x}", SPAN)),
        (False, True, (f"{0xAA:016x}", SPAN)),
    ],
)
def test_only_a_server_shares_the_callers_span(
    shared: bool, egress: bool, expected: tuple[str, str]
) -> None:
    headers = multi(traceid=TRACE, spanid=SPAN, parentspanid=PARENT, sampled="1")
    options = Options(shared_span_context=shared)
    verdict = zipkin.start(headers, False, options, words(), egress)
    assert verdict.shared is (shared and not egress)
    assert zipkin.span_ids(verdict, words(0xAA)) == expected


def test_what_is_malformed_is_no_new_trace() -> None:
    verdict = zipkin.start(known(b3="1-"), True, Options(), words())
    assert (verdict.null, verdict.trace_id, verdict.sampled) == (True, "", 1)


@pytest.mark.parametrize(
    "headers",
    [
        known(b3=f"{'0' * 16}-{SPAN}-1"),
        known(b3=f"{'0' * 32}-{SPAN}-1"),
        multi(traceid=TRACE, spanid="0"),
        multi(traceid="0", spanid=SPAN),
    ],
)
def test_zero_is_no_id(headers: Known) -> None:
    assert zipkin.start(headers, True, Options(), words()).null


def test_the_options_are_the_settings() -> None:
    options = Options.from_config(
        Config(
            trace_id_128bit=False,
            zipkin_shared_span_context=False,
            zipkin_trace_context_option="use_b3_with_w3c_propagation",
        )
    )
    assert (options.trace_id_128bit, options.shared_span_context, options.w3c) == (
        False,
        False,
        True,
    )


def test_b3_is_sent_in_several_headers() -> None:
    assert Options().injects == ("b3multi",)
    assert DUAL.injects == ("b3multi", "tracecontext")


def test_both_are_sent_of_the_same_span() -> None:
    verdict = zipkin.start(known(traceparent=W3C, tracestate="a=1"), False, DUAL, words())
    pairs = [pair for inject in DUAL.injections for pair in inject(verdict, NO_HEADERS, NOWHERE)]
    assert pairs == [
        ("x-b3-traceid", LONG),
        ("x-b3-spanid", SPAN),
        ("x-b3-sampled", "1"),
        ("traceparent", W3C),
        ("tracestate", "a=1"),
    ]


@pytest.mark.parametrize(
    ("options", "headers", "expected"),
    [
        (DUAL, known(traceparent=W3C, tracestate="a=1", b3=f"{LONG}-{SPAN}-1"), "a=1"),
        (DUAL, known(tracestate="a=1", b3=f"{LONG}-{SPAN}-1"), ""),
        (Options(), known(traceparent=W3C, tracestate="a=1", b3=f"{LONG}-{SPAN}-1"), ""),
    ],
)
def test_tracestate_goes_with_traceparent(options: Options, headers: Known, expected: str) -> None:
    assert zipkin.start(headers, True, options, words()).tracestate == expected


def test_the_name_is_the_host() -> None:
    assert zipkin.span_name(SERVER, "ingress", "shop.example", "/cart") == "shop.example"


@pytest.mark.parametrize(
    ("egress", "spawned", "child", "expected"),
    [
        (False, False, False, SERVER),
        (True, False, False, CLIENT),
        (True, True, False, SERVER),
        (False, True, False, SERVER),
        (False, True, True, CLIENT),
    ],
)
def test_kinds(egress: bool, spawned: bool, child: bool, expected: int) -> None:
    assert span_kind(egress, spawned, child) == expected


HOSTILE = st.text() | st.from_regex(r"[0-9a-fA-F]{0,33}(-[0-9a-f]{0,17}(-.?(-[0-9a-f]{0,17})?)?)?")


@given(st.dictionaries(st.sampled_from(zipkin.READS), HOSTILE), st.booleans())
def test_strangers_cannot_make_it_raise_or_send_what_is_no_id(
    headers: dict[str, str], w3c: bool
) -> None:
    options = DUAL if w3c else Options()
    verdict = zipkin.start(Known(headers), True, options, words(1, 2))
    if verdict.null:
        assert verdict.trace_id == ""
        return
    for digits, widths in (
        (verdict.trace_id, (16, 32)),
        (verdict.span_id, (0, 16)),
        (verdict.parent_id, (0, 16)),
    ):
        assert len(digits) in widths and set(digits) <= set("0123456789abcdef")
    assert acceptable(verdict.tracestate)
