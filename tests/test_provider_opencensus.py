"""Envoy's OpenCensus tracer: which header counts, and whose decision."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace.headers import Known
from autotrace.propagation import NOWHERE, acceptable
from autotrace.provider import opencensus
from autotrace.provider.opencensus import READS, Options
from autotrace.span import SERVER
from tests.propagation_spans import Outgoing

# The ids of Envoy's unit test.
TRACE = "404142434445464748494a4b4c4d4e4f"
SPAN = "6162636465666768"
NARROW = TRACE[16:]
TRACE_CONTEXT = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
GRPC = {"grpc-trace-bin": "AABAQUJDREVGR0hJSktMTU5PAWFiY2RlZmdoAgE"}
CLOUD = {"x-cloud-trace-context": f"{TRACE}/7017280452245743464;o=1"}
B3 = {"x-b3-traceid": TRACE, "x-b3-spanid": SPAN, "x-b3-sampled": "1"}
ALL = ("TRACE_CONTEXT", "GRPC_TRACE_BIN", "CLOUD_TRACE_CONTEXT", "B3")


def words(*numbers: int) -> Callable[[], int]:
    """Random words in the order in which they are drawn."""
    return iter(numbers).__next__


def parent(headers: dict[str, str], formats: tuple[str, ...] = ALL) -> tuple[str, str, int] | None:
    """What is read of the caller's span."""
    found = opencensus.extract(Known(headers), Options(formats).incoming)
    return None if found is None else (found.trace_id, found.span_id, found.sampled or 0)


@pytest.mark.parametrize("headers", [TRACE_CONTEXT, GRPC, CLOUD, B3])
def test_every_format_is_read(headers: dict[str, str]) -> None:
    assert parent(headers) == (TRACE, SPAN, 1)
    assert parent(headers, ()) is None
    assert parent(headers, ("NONE",)) is None


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"traceparent": f"00-{TRACE}-{SPAN}-00"}, (TRACE, SPAN, 0)),
        ({"traceparent": f"00-{TRACE.upper()}-{SPAN}-ff"}, (TRACE, SPAN, 1)),
        ({"traceparent": f"01-{TRACE}-{SPAN}-01"}, None),
        ({"traceparent": f"00-{TRACE}-{SPAN}-01-more"}, None),
        ({"traceparent": f"00-{'0' * 32}-{SPAN}-01"}, None),
        ({"grpc-trace-bin": GRPC["grpc-trace-bin"] + "="}, (TRACE, SPAN, 1)),
        ({"grpc-trace-bin": "AABAQUJDREVGR0hJSktMTU5PAWFiY2RlZmdoAgA"}, (TRACE, SPAN, 0)),
        # Without its options, in the other alphabet, of another version.
        ({"grpc-trace-bin": GRPC["grpc-trace-bin"][:36]}, None),
        ({"grpc-trace-bin": "AAD7-_v7-_v7-_v7-_v7-_v7AWFiY2RlZmdoAgE"}, None),
        ({"grpc-trace-bin": "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}, None),
        ({"x-cloud-trace-context": f"{TRACE}/7017280452245743464"}, (TRACE, SPAN, 0)),
        ({"x-cloud-trace-context": f"{TRACE}/7017280452245743464;o=0"}, (TRACE, SPAN, 0)),
        ({"x-cloud-trace-context": f"{TRACE}/7017280452245743464;o=2"}, (TRACE, SPAN, 0)),
        ({"x-cloud-trace-context": f"{TRACE}/7017280452245743464;o=3"}, (TRACE, SPAN, 1)),
        ({"x-cloud-trace-context": f"{TRACE}/7017280452245743464;o=4"}, None),
        ({"x-cloud-trace-context": f"{TRACE}/7017280452245743464;o="}, None),
        ({"x-cloud-trace-context": f"{TRACE}/0;o=1"}, None),
        ({"x-cloud-trace-context": f"{TRACE};o=1"}, None),
        ({"x-cloud-trace-context": TRACE}, None),
        ({**B3, "x-b3-sampled": "0"}, (TRACE, SPAN, 0)),
        ({**B3, "x-b3-sampled": "0", "x-b3-flags": "1"}, (TRACE, SPAN, 1)),
        ({"x-b3-traceid": TRACE, "x-b3-spanid": SPAN}, (TRACE, SPAN, 0)),
        ({**B3, "x-b3-traceid": NARROW}, (NARROW.rjust(32, "0"), SPAN, 1)),
        ({**B3, "x-b3-sampled": "true"}, None),
        ({**B3, "x-b3-flags": "0"}, None),
        ({**B3, "x-b3-spanid": SPAN[1:]}, None),
        ({"x-b3-traceid": TRACE, "x-b3-sampled": "1"}, None),
        ({"x-b3-spanid": SPAN, "x-b3-sampled": "1"}, None),
    ],
)
def test_extract(headers: dict[str, str], expected: tuple[str, str, int] | None) -> None:
    assert parent(headers) == expected


@pytest.mark.parametrize(
    ("headers", "formats", "expected"),
    [
        ({"traceparent": "x", **GRPC}, ALL, None),
        ({"traceparent": "x", **GRPC}, ("GRPC_TRACE_BIN", "TRACE_CONTEXT"), (TRACE, SPAN, 1)),
        ({"traceparent": "x", **GRPC}, ("CLOUD_TRACE_CONTEXT", "GRPC_TRACE_BIN"), (TRACE, SPAN, 1)),
        # Half of B3 is not there.
        ({"x-b3-traceid": "x", **CLOUD}, ("B3", "CLOUD_TRACE_CONTEXT"), (TRACE, SPAN, 1)),
    ],
)
def test_the_first_header_that_is_there_counts(
    headers: dict[str, str], formats: tuple[str, ...], expected: tuple[str, str, int] | None
) -> None:
    assert parent(headers, formats) == expected


@pytest.mark.parametrize(
    ("flag", "traced", "sampled"), [("00", False, 0), ("00", True, 1), ("01", False, 1)]
)
def test_who_samples_wins(flag: str, traced: bool, sampled: int) -> None:
    headers = Known({"traceparent": f"00-{TRACE}-{SPAN}-{flag}"})
    verdict = opencensus.start(headers, traced, Options(ALL), words())
    assert (verdict.trace_id, verdict.span_id, verdict.sampled) == (TRACE, SPAN, sampled)
    assert opencensus.span_ids(verdict, words(1)) == ("0000000000000001", SPAN)
    assert not (verdict.null or verdict.shared)


@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.parametrize("headers", [{}, {"traceparent": "x"}])
def test_a_new_trace_is_as_envoy_decides(headers: dict[str, str], traced: bool) -> None:
    verdict = opencensus.start(Known(headers), traced, Options(ALL), words(1, 2))
    assert verdict.trace_id == "00000000000000010000000000000002"
    assert (verdict.span_id, verdict.sampled, verdict.null) == ("", int(traced), False)


def test_a_tracestate_passes_through() -> None:
    headers = Known({**TRACE_CONTEXT, "tracestate": "a=1"})
    assert opencensus.start(headers, True, Options(ALL), words()).tracestate == "a=1"


def test_all_formats_to_send_are_written() -> None:
    options = Options(outgoing=ALL)
    assert options.injects == ("tracecontext", "grpcbin", "cloudtrace", "b3multi")
    span = Outgoing(TRACE, SPAN, "05e3ac9a4f6e3b90", 1)
    pairs = [pair for inject in options.injections for pair in inject(span, Known(), NOWHERE)]
    # No id of the parent.
    assert dict(pairs) == {**TRACE_CONTEXT, **GRPC, **CLOUD, **B3}
    assert Options().injections == Options(outgoing=("NONE",)).injections == ()


def test_b3_is_written_wide() -> None:
    ((_, trace_id), _, sampled) = Options(outgoing=("b3",)).injections[0](
        Outgoing(NARROW, SPAN, "", 0), Known(), NOWHERE
    )
    assert (trace_id, sampled) == (NARROW.rjust(32, "0"), ("x-b3-sampled", "0"))


def test_name_and_tags() -> None:
    assert opencensus.span_name(SERVER, "shop:80/*", "shop", "/basket") == "shop:80/*"
    assert opencensus.start_tags(egress=False) == {"OperationName": "Ingress"}
    assert opencensus.start_tags(egress=True) == {"OperationName": "Egress"}


@given(st.dictionaries(st.sampled_from(READS), st.text(st.characters(max_codepoint=255))))
def test_nothing_raises(headers: dict[str, str]) -> None:
    verdict = opencensus.start(Known(headers), True, Options(ALL), words(1, 2))
    assert len(verdict.trace_id) == 32
    assert acceptable(verdict.tracestate)
