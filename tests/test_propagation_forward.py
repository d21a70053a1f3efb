"""Headers carried byte for byte, and the limits for what strangers send."""

from __future__ import annotations

from collections.abc import Set

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace.headers import Known
from autotrace.propagation import (
    FORWARDED,
    OWNER,
    acceptable,
    carried,
    carry,
    forward,
    in_family,
    is_forwarded,
)
from autotrace.propagation.forward import carry_text
from tests.propagation_spans import known

ISTIO = [
    "x-request-id",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-flags",
    "b3",
    "x-ot-span-context",
    "x-datadog-trace-id",
    "x-datadog-parent-id",
    "x-datadog-sampling-priority",
    "sw8",
    "x-amzn-trace-id",
    "x-cloud-trace-context",
    "traceparent",
    "tracestate",
    "grpc-trace-bin",
]
MORE = [
    "baggage",
    "x-datadog-origin",
    "x-datadog-tags",
    "x-datadog-sampled",
    "sw8-correlation",
    "sw8-x",
    "uber-trace-id",
    "jaeger-baggage",
    "ot-tracer-traceid",
    "ot-tracer-spanid",
    "ot-tracer-sampled",
    "uberctx-a",
    "ot-baggage-b",
]


def sent(headers: Known, wanted: Set[str] = FORWARDED.keys()) -> list[tuple[str, str]]:
    """Return what is sent on of these headers."""
    return carry(headers, carried((*headers,), wanted))


@pytest.mark.parametrize("name", ISTIO + MORE)
def test_forwarded(name: str) -> None:
    assert is_forwarded(name)


@pytest.mark.parametrize(
    "name",
    [
        "cookie",
        "authorization",
        "x-envoy-decorator-operation",
        "user-agent",
        "x-forwarded-for",
        "x-envoy-force-trace",
        "host",
        "content-length",
        "",
    ],
)
def test_not_forwarded(name: str) -> None:
    assert not is_forwarded(name)


def test_every_forwarded_header_has_an_owner() -> None:
    assert FORWARDED.keys() <= OWNER.keys()


def test_values_go_out_byte_for_byte_in_their_order() -> None:
    headers = Known({"x-datadog-sampled": "1-QUJD-x==", "x-other": "1", "jaeger-baggage": "a=B"})
    assert sent(headers) == [
        ("x-datadog-sampled", "1-QUJD-x=="),
        ("jaeger-baggage", "a=B"),
    ]


def test_repeated_headers_are_kept() -> None:
    headers = known(x_datadog_sampled="a")
    headers.repeated = (("x-datadog-sampled", "b"), ("x-other", "c"))
    assert sent(headers) == [("x-datadog-sampled", "a"), ("x-datadog-sampled", "b")]


def test_a_family_is_carried_where_it_was_announced() -> None:
    headers = Known({"uberctx-user": "7", "ot-baggage-x": "8", "uber-trace-id": "1:2:0:1"})
    assert sent(headers) == [("uberctx-user", "7")]
    assert sent(Known({"uberctx-user": "7"})) == []


def test_further_names_are_carried_when_they_are_asked_for() -> None:
    headers = Known({"x-tenant": "a", "sw8": "b"})
    assert sent(headers, frozenset({"x-tenant"})) == [("x-tenant", "a")]


def test_family_names() -> None:
    assert in_family("uberctx-")
    assert not in_family("uber-trace-id")


@pytest.mark.parametrize(
    ("value", "accepted"),
    [
        ("", True),
        ("plain", True),
        ("tab\tand blank", True),
        ("x" * 8192, True),
        ("x" * 8193, False),
        ("a\r\nb: c", False),
        ("a\rb", False),
        ("a\nb", False),
        ("a\x00", False),
        ("a\x7f", False),
        ("a\x1b[31m", False),
        ("caf\xe9", False),
        ("\ud800", False),
        ("\t\n", False),
    ],
)
def test_acceptable(value: str, accepted: bool) -> None:
    assert acceptable(value) is accepted
    assert sent(known(x_datadog_sampled=value)) == (
        [("x-datadog-sampled", value)] if accepted else []
    )


def test_all_values_together_are_limited() -> None:
    headers = known(x_datadog_sampled="x" * 8192)
    headers.repeated = tuple(("x-datadog-sampled", "y" * 8192) for _ in range(100))
    assert sum(len(value) for _, value in sent(headers)) == forward.MAX_CARRIED


@given(st.dictionaries(st.sampled_from([*OWNER, "uberctx-a"]), st.text()))
def test_no_text_raises(headers: dict[str, str]) -> None:
    for name, value in sent(Known(headers), OWNER.keys()):
        assert headers[name] == value
        assert value.isascii()
        assert "\n" not in value


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\r\nb", "\xe9", "\x7f", "a\x00", "x" * 9000])
def test_what_may_not_be_sent_on_is_no_text(value: str) -> None:
    assert carry_text(Known({"x-request-id": "1", "baggage": value})) == ""


def test_what_may_be_sent_on_is_text_as_it_came() -> None:
    known = Known({"x-request-id": "1", "baggage": "a=b;\tc d"})
    assert carry_text(known) == "x-request-id: 1\r\nbaggage: a=b;\tc d"
