"""Envoy's SkyWalking tracer: who is traced, and under which names."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace.config import Config
from autotrace.headers import NO_HEADERS, Known
from autotrace.propagation import sw8
from autotrace.provider import skywalking
from autotrace.provider.skywalking import Options
from autotrace.span import CLIENT, SERVER
from tests.propagation_spans import Outgoing

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
OPTIONS = Options("svc", "i1")


def words(*numbers: int) -> Callable[[], int]:
    """Random words in the order in which they are drawn."""
    return iter(numbers).__next__


def header(sampled: int) -> str:
    return dict(sw8.inject(Outgoing(TRACE, SPAN, "", sampled)))["sw8"]


@pytest.mark.parametrize("sampled", [0, 1])
@pytest.mark.parametrize("traced", [True, False])
def test_a_caller_is_always_traced(sampled: int, traced: bool) -> None:
    known = Known({"sw8": header(sampled)})
    verdict = skywalking.start(known, traced, OPTIONS, words())
    assert (verdict.trace_id, verdict.span_id) == (TRACE, SPAN)
    assert (verdict.sampled, verdict.null) == (1, False)


@pytest.mark.parametrize("known", [NO_HEADERS, Known({"sw8": "xxxxxx-error-propagation-header"})])
def test_without_a_caller_the_decision_counts(known: Known) -> None:
    verdict = skywalking.start(known, True, OPTIONS, words(1, 2))
    assert (verdict.trace_id, verdict.span_id) == (f"{1:016x}{2:016x}", "")
    assert (verdict.sampled, verdict.null) == (1, False)
    assert skywalking.start(known, False, OPTIONS, words()).null


def test_a_span_has_an_id_of_its_own() -> None:
    known = Known({"sw8": header(1)})
    verdict = skywalking.start(known, True, OPTIONS, words())
    assert skywalking.span_ids(verdict, words(7)) == (f"{7:016x}", SPAN)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("s1", "i1", "c", "n"), ("s1", "i1")),
        (("", "", "c", "n"), ("c", "n")),
        (("", "", "", ""), ("EnvoyProxy", "EnvoyProxy")),
    ],
)
def test_names(arguments: tuple[str, str, str, str], expected: tuple[str, str]) -> None:
    assert skywalking.names(*arguments) == expected


def test_only_a_span_of_the_call_can_be_named() -> None:
    assert Options.from_config(Config()).injects == ("sw8",)
    options = Options.from_config(Config(spawn_upstream_span=False))
    assert (options.injects, options.injections) == ((), ())


def test_the_address_is_the_host_where_nothing_else_is_known() -> None:
    assert skywalking.address("192.0.2.1:80", "test.com") == "192.0.2.1:80"
    assert skywalking.address("", "test.com") == "test.com"


@pytest.mark.parametrize("kind", [SERVER, CLIENT])
def test_spans_are_named_for_their_path(kind: int) -> None:
    assert skywalking.span_name(kind, "ingress", "host", "/a/b") == "/a/b"
    assert skywalking.span_name(kind, "ingress", "host", "") == "ingress"


@given(st.text(), st.booleans())
def test_no_header_raises(value: str, traced: bool) -> None:
    skywalking.start(Known({"sw8": value}), traced, OPTIONS, words(1, 2))
