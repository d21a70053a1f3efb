"""Envoy's OpenTelemetry tracer: its checks in their order, its decision, its kinds and statuses."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace.config import Config
from autotrace.headers import NO_HEADERS, Known, Repeated
from autotrace.propagation import acceptable
from autotrace.provider import opentelemetry
from autotrace.provider.asked import Sampler
from autotrace.provider.opentelemetry import Options
from autotrace.provider.samplers import TraceIdRatioBased, always_on
from autotrace.span import CLIENT, ERROR, SERVER, UNSET
from tests.propagation_spans import Outgoing, known

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
SAMPLED = f"00-{TRACE}-{SPAN}-01"
UNSAMPLED = f"00-{TRACE}-{SPAN}-00"


def words(*numbers: int) -> Callable[[], int]:
    """Random words in the order in which they are drawn."""
    return iter(numbers).__next__


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (SAMPLED, ("00", TRACE, SPAN, True)),
        (UNSAMPLED, ("00", TRACE, SPAN, False)),
        (f"ff-{TRACE}-{SPAN}-03", ("ff", TRACE, SPAN, True)),
        (f"cc-{TRACE}-{SPAN}-02", ("cc", TRACE, SPAN, False)),
        (SAMPLED.upper(), ("00", TRACE.upper(), SPAN.upper(), True)),
        ("", "length"),
        (f"{SAMPLED}-extra", "length"),
        (f" {SAMPLED}", "length"),
        (f"0-{TRACE}-{SPAN}-001", "field_sizes"),
        (f"00-{TRACE}-{SPAN}+01", "field_sizes"),
        (f"00-{TRACE[:15]}-{'0' * 16}-{SPAN}-01", "field_sizes"),
        (f"0x-{TRACE}-{SPAN}-01", "hex"),
        (f"00-{TRACE[:30]}  -{SPAN}-01", "hex"),
        (f"00-{TRACE}-{SPAN}-0x", "hex"),
        (f"00-{'0' * 32}-{SPAN}-0x", "hex"),
        (f"00-{'0' * 32}-{'0' * 16}-01", "trace_id"),
        (f"00-{TRACE}-{'0' * 16}-01", "parent_id"),
    ],
)
def test_traceparent_by_envoys_checks_in_their_order(value: str, expected: object) -> None:
    assert opentelemetry.parse(value) == expected


def test_nothing_is_said_without_traceparent() -> None:
    assert opentelemetry.extract(known(tracestate="a=b")) is None


def test_all_values_of_tracestate_are_one() -> None:
    headers = Repeated(traceparent=SAMPLED, tracestate="a=1")
    headers.repeated = [("tracestate", "b=2"), ("tracestate", "")]
    assert opentelemetry.start(headers, True, Options(), words()).tracestate == "a=1,b=2,"


@pytest.mark.parametrize("value", ["a=\x01", "a=\xe9", "a=\n", "a=" + "b" * 9000])
def test_a_tracestate_that_may_not_be_sent_on_is_left_out(value: str) -> None:
    headers = known(traceparent=SAMPLED, tracestate=value)
    assert opentelemetry.start(headers, True, Options(), words()).tracestate == ""


def test_a_new_trace_draws_high_half_low_half_and_span() -> None:
    random = words(1, 2, 3)
    verdict = opentelemetry.start(known(tracestate="a=b"), True, Options(), random)
    assert (verdict.trace_id, verdict.tracestate) == (f"{1:016x}{2:016x}", "")
    assert opentelemetry.span_ids(verdict, random) == (f"{3:016x}", "")


def test_a_caller_gets_a_child() -> None:
    headers = known(traceparent=SAMPLED.upper(), tracestate="a=b")
    verdict = opentelemetry.start(headers, True, Options(), words())
    assert (verdict.trace_id, verdict.tracestate) == (TRACE, "a=b")
    assert opentelemetry.span_ids(verdict, words(3)) == (f"{3:016x}", SPAN)


def test_what_is_malformed_is_no_new_trace() -> None:
    verdict = opentelemetry.start(known(traceparent="x"), True, Options(), words())
    assert (verdict.null, verdict.trace_id, verdict.sampled) == (True, "", 0)


NEVER = TraceIdRatioBased(0, 100)


@pytest.mark.parametrize(
    ("headers", "traced", "sampler", "expected"),
    [
        (NO_HEADERS, True, None, 1),
        (NO_HEADERS, False, None, 0),
        (NO_HEADERS, True, NEVER, 0),
        (NO_HEADERS, False, always_on, 0),
        (known(traceparent=SAMPLED), True, None, 1),
        (known(traceparent=UNSAMPLED), True, None, 0),
        (known(traceparent=UNSAMPLED), True, always_on, 1),
        (known(traceparent=SAMPLED), True, NEVER, 0),
        # Since Envoy 1.39.
        (known(traceparent=SAMPLED), False, None, 0),
        (known(traceparent=SAMPLED), False, always_on, 0),
    ],
)
def test_sampler_then_caller_then_envoy_and_envoys_no_is_final(
    headers: Known, traced: bool, sampler: Sampler | None, expected: int
) -> None:
    verdict = opentelemetry.start(headers, traced, Options(sampler), words(1, 2))
    assert verdict.sampled == expected


def test_the_options_are_the_settings() -> None:
    options = Options.from_config(Config(opentelemetry_sampler={"always_on": {}}))
    assert (options.sampler, options.problem) == (always_on, "")
    assert (options.injects, options.injections) == (("tracecontext",), (opentelemetry.inject,))


def test_a_sampler_that_is_malformed_is_said() -> None:
    options = Options.from_config(Config(opentelemetry_sampler={"cel": {}}))
    assert options.sampler is None
    assert "the expression as text is wanted" in options.problem


@pytest.mark.parametrize("state", ["", "a=b"])
def test_tracestate_is_always_sent(state: str) -> None:
    span = Outgoing(TRACE, SPAN, sampled=0, tracestate=state)
    assert opentelemetry.inject(span) == (("traceparent", UNSAMPLED), ("tracestate", state))


def test_the_operation_is_the_name() -> None:
    assert opentelemetry.span_name(SERVER, "egress shop", "shop", "/cart") == "egress shop"


@pytest.mark.parametrize(
    ("kind", "tags", "expected"),
    [
        (SERVER, {}, UNSET),
        (SERVER, {"http.status_code": "499"}, UNSET),
        (SERVER, {"http.status_code": "500"}, ERROR),
        (CLIENT, {"http.status_code": "399"}, UNSET),
        (CLIENT, {"http.status_code": "400"}, ERROR),
        (CLIENT, {"http.status_code": 599}, ERROR),
        (CLIENT, {"http.status_code": "abc"}, UNSET),
        (CLIENT, {"http.status_code": "-500"}, UNSET),
        (CLIENT, {"http.status_code": "9" * 5000}, UNSET),
        (CLIENT, {"http.status_code": "\u0665\u0660\u0660"}, UNSET),
        *((SERVER, {"grpc.status_code": str(code)}, ERROR) for code in (2, 4, 12, 13, 14, 15)),
        *((SERVER, {"grpc.status_code": str(code)}, UNSET) for code in (0, 1, 3, 5, 7, 8, 16)),
        *((CLIENT, {"grpc.status_code": str(code)}, ERROR) for code in (1, 5, 8, 16, 99)),
        (CLIENT, {"grpc.status_code": "0"}, UNSET),
        (CLIENT, {"grpc.status_code": ""}, UNSET),
        (SERVER, {"http.status_code": "200", "grpc.status_code": "13"}, ERROR),
        (SERVER, {"http.status_code": "503", "grpc.status_code": "0"}, ERROR),
    ],
)
def test_status(kind: int, tags: dict[str, object], expected: int) -> None:
    assert opentelemetry.status(kind, tags) == expected


@given(st.dictionaries(st.sampled_from(opentelemetry.READS), st.text()))
def test_strangers_cannot_make_it_raise(headers: dict[str, str]) -> None:
    verdict = opentelemetry.start(Known(headers), True, Options(), words(1, 2))
    assert acceptable(verdict.tracestate)


@given(st.text(), st.sampled_from([SERVER, CLIENT]))
def test_no_status_makes_it_raise(text: str, kind: int) -> None:
    tags = {"http.status_code": text, "grpc.status_code": text}
    assert opentelemetry.status(kind, tags) in (UNSET, ERROR)
