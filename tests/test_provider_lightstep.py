"""Envoy's Lightstep tracer: its propagation modes, and what its spans say."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace.headers import Known
from autotrace.propagation import NOWHERE, acceptable
from autotrace.provider import lightstep
from autotrace.provider.lightstep import EXTRACTION_ERROR, READS, Options
from autotrace.span import SERVER
from tests.propagation_spans import Outgoing

TRACE = "123456789abcdef0"
WIDE = "4bf92f3577b34da6" + TRACE
SPAN = "0fedcba987654321"
ENVOY = {"x-ot-span-context": "EhQJ8N68mnhWNBIRIUNlh6nL7Q8YAQ=="}
NATIVE = {"ot-tracer-traceid": TRACE, "ot-tracer-spanid": SPAN, "ot-tracer-sampled": "1"}
B3 = {"x-b3-traceid": WIDE, "x-b3-spanid": SPAN, "x-b3-sampled": "1"}
TRACE_CONTEXT = {"traceparent": f"00-{WIDE}-{SPAN}-01"}
ALL = ("ENVOY", "LIGHTSTEP", "B3", "TRACE_CONTEXT")


def words(*numbers: int) -> Callable[[], int]:
    """Random words in the order in which they are drawn."""
    return iter(numbers).__next__


def parent(headers: dict[str, str], *modes: str) -> tuple[str, str] | str | None:
    """What is read of the caller's span."""
    found = lightstep.extract(Known(headers), Options(modes).modes)
    return found if found is None or isinstance(found, str) else (found.trace_id, found.span_id)


@pytest.mark.parametrize(
    ("mode", "headers", "trace_id"),
    [
        ("ENVOY", ENVOY, TRACE),
        ("LIGHTSTEP", NATIVE, TRACE),
        ("LIGHTSTEP", {**NATIVE, "ot-tracer-traceid": WIDE}, WIDE),
        ("LIGHTSTEP", {"ot-tracer-traceid": "abc", "ot-tracer-spanid": SPAN}, "0" * 13 + "abc"),
        ("B3", B3, WIDE),
        ("B3", {"x-b3-traceid": "abc", "x-b3-spanid": SPAN}, "0" * 13 + "abc"),
        ("TRACE_CONTEXT", TRACE_CONTEXT, WIDE),
    ],
)
def test_each_mode_reads_its_headers(mode: str, headers: dict[str, str], trace_id: str) -> None:
    assert parent(headers, mode) == (trace_id, SPAN)
    assert parent(headers, *(each for each in ALL if each != mode)) is None
    assert parent({}, mode) is None


@pytest.mark.parametrize(
    ("mode", "headers"),
    [
        ("ENVOY", {"x-ot-span-context": ""}),
        ("ENVOY", {"x-ot-span-context": "notvalidcontext"}),
        # Envoy's base64 has padding and one alphabet.
        ("ENVOY", {"x-ot-span-context": ENVOY["x-ot-span-context"].rstrip("=")}),
        ("ENVOY", {"x-ot-span-context": "EhQJ-N68mnhWNBIRIUNlh6nL7Q8YAQ=="}),
        ("LIGHTSTEP", {"ot-tracer-traceid": TRACE}),
        ("LIGHTSTEP", {"ot-tracer-spanid": SPAN}),
        ("LIGHTSTEP", {**NATIVE, "ot-tracer-spanid": "x"}),
        ("B3", {"x-b3-traceid": WIDE}),
        ("B3", {**B3, "x-b3-traceid": "x"}),
        ("TRACE_CONTEXT", {"traceparent": "x"}),
    ],
)
def test_malformed_is_an_error(mode: str, headers: dict[str, str]) -> None:
    assert parent(headers, mode) == EXTRACTION_ERROR
    # Without a look at the modes behind it.
    rest = {name: value for name, value in (ENVOY | TRACE_CONTEXT).items() if name not in headers}
    assert parent({**rest, **headers}, mode, *ALL) == EXTRACTION_ERROR
    verdict = lightstep.start(Known(headers), True, Options([mode]), words(5))
    assert (verdict.trace_id, verdict.span_id, verdict.null) == ("0000000000000005", "", False)


def test_the_first_mode_that_arrived_counts() -> None:
    assert parent(B3 | TRACE_CONTEXT | ENVOY, "B3", "ENVOY") == (WIDE, SPAN)
    assert parent(TRACE_CONTEXT | ENVOY, "B3", "ENVOY") == (TRACE, SPAN)


@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.parametrize("flag", ["00", "01"])
def test_only_envoy_decides(traced: bool, flag: str) -> None:
    headers = Known({"traceparent": f"00-{WIDE}-{SPAN}-{flag}", "tracestate": "a=1"})
    verdict = lightstep.start(headers, traced, Options(["trace_context"]), words())
    assert (verdict.trace_id, verdict.span_id, verdict.sampled) == (WIDE, SPAN, int(traced))
    assert verdict.tracestate == "a=1"
    assert lightstep.span_ids(verdict, words(1)) == ("0000000000000001", SPAN)


@pytest.mark.parametrize("modes", [(), ("unheard-of",), ("ENVOY",), ("envoy",)])
def test_envoys_own_mode_is_the_default(modes: tuple[str, ...]) -> None:
    options = Options(modes)
    assert (options.modes, options.injects) == (("envoy",), ("ot",))


def test_all_modes_are_written() -> None:
    options = Options(ALL)
    assert options.injects == ("ot", "ottrace", "b3multi", "tracecontext")
    span = Outgoing(WIDE, SPAN, "05e3ac9a4f6e3b90", 1)
    pairs = [pair for inject in options.injections for pair in inject(span, Known(), NOWHERE)]
    assert dict(pairs) == {**ENVOY, **NATIVE, **B3, **TRACE_CONTEXT}
    ((_, state),) = lightstep.inject_native(Outgoing(TRACE, SPAN, "", 0))[2:]
    assert state == "0"


def test_name_and_tags() -> None:
    assert lightstep.span_name(SERVER, "shop:80/*", "shop", "/basket") == "shop:80/*"
    assert lightstep.start_tags(True, egress=False) == {"span.kind": "server"}
    assert lightstep.start_tags(True, egress=True) == {"span.kind": "client"}
    assert lightstep.start_tags(False, egress=True) == {
        "sampling.priority": "0",
        "span.kind": "client",
    }
    assert lightstep.sampled_tag(True) == {"sampling.priority": "1"}
    assert lightstep.sampled_tag(False) == {"sampling.priority": "0"}


def test_names_of_baggage_have_no_upper_case() -> None:
    # {"User": "u1"}
    headers = Known({"x-ot-span-context": "EiAJ8N68mnhWNBIRIUNlh6nL7Q8YASIKCgRVc2VyEgJ1MQ=="})
    assert lightstep.baggage(headers) == {"user": "u1"}


@given(st.dictionaries(st.sampled_from(READS), st.text(st.characters(max_codepoint=255))))
def test_nothing_raises(headers: dict[str, str]) -> None:
    verdict = lightstep.start(Known(headers), True, Options(ALL), words(1))
    assert len(verdict.trace_id) in (16, 32)
    assert acceptable(verdict.tracestate)
