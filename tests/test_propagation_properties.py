"""What holds for every format: what it writes it reads, and nothing that is sent to it raises."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace.headers import Repeated
from autotrace.propagation import (
    b3,
    b3multi,
    cloudtrace,
    datadog,
    grpcbin,
    jaeger,
    ot,
    ottrace,
    sw8,
    tracecontext,
    xray,
)
from autotrace.propagation.hop import NOWHERE, Hop
from tests.propagation_invariants import check_incoming, check_pairs
from tests.propagation_spans import HEX_SPAN, HEX_TRACE, Outgoing, known


def any_width(trace_id: str) -> str:
    return trace_id


def wide(trace_id: str) -> str:
    return trace_id.rjust(32, "0")


def right_half(trace_id: str) -> str:
    return trace_id[-16:]


def no_zero_half(trace_id: str) -> str:
    """None if the right half is zeros, and only that one if the left half is."""
    low = trace_id[-16:]
    if not low.strip("0"):
        return ""
    return trace_id if trace_id[:-16].strip("0") else low


EVERY_STATE = {None: None, 0: 0, 1: 1, 2: 2}
NO_DEBUG = {None: None, 0: 0, 1: 1, 2: 1}
YES_OR_NO = {None: 0, 0: 0, 1: 1, 2: 1}


class Format(NamedTuple):
    """A format, and what comes back of a trace id, of each sampling state, of a parent's id."""

    name: str
    module: Any
    trace_id: Callable[[str], str]
    sampled: Mapping[int | None, int | None]
    parent_id: bool = False
    tracestate: bool = False


FORMATS = [
    Format("tracecontext", tracecontext, wide, YES_OR_NO, tracestate=True),
    Format("b3", b3, any_width, EVERY_STATE, parent_id=True),
    Format("b3multi", b3multi, any_width, EVERY_STATE, parent_id=True),
    Format("datadog", datadog, no_zero_half, NO_DEBUG),
    Format("sw8", sw8, any_width, YES_OR_NO),
    Format("xray", xray, wide, NO_DEBUG),
    Format("ot", ot, right_half, YES_OR_NO),
    Format("ottrace", ottrace, right_half, NO_DEBUG),
    Format("cloudtrace", cloudtrace, wide, NO_DEBUG),
    Format("grpcbin", grpcbin, wide, YES_OR_NO),
    Format("jaeger", jaeger, any_width, {**EVERY_STATE, None: 0}, parent_id=True),
]
every_format = pytest.mark.parametrize("format", FORMATS, ids=[each.name for each in FORMATS])

SPANS = st.builds(
    Outgoing,
    HEX_TRACE,
    HEX_SPAN,
    st.just("") | HEX_SPAN,
    st.sampled_from([None, 0, 1, 2]),
    st.sampled_from(["", "a=1", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"]),
    st.booleans(),
)
HOPS = st.builds(
    Hop,
    st.text(max_size=20),
    st.text(max_size=20),
    st.text(max_size=20),
    st.text(max_size=20),
    st.text(max_size=20),
    st.integers(0, 2**31),
)

# What a header is made of, and more of what could be mistaken for it.
PARTS = st.sampled_from(
    [
        *("00", "01", "0", "1", "d", "3", "ff", "-", ":", "/", ";", ",", "=", "o=", "%3A", " "),
        *("\t", ".", "_", "@", "|", "+", "?", "0x", "\x00", "\xe9", "true", "false", "Root=1-"),
        *("Parent=", "Sampled=", "Self=", "Lineage=", "dd=s:1", "_dd.p.tid=", "_dd.p.dm=-4", "=="),
        *("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "0" * 16, "0" * 32, "f" * 16),
        *("18446744073709551615", "18446744073709551616", "5759e988-bd862e3fe1be46a994272793"),
        *("EhQJAQAAAAAAAAARAgAAAAAAAAAYAQ==", "AABAQUJDREVGR0hJSktMTU5PAWFiY2RlZmdoAgE"),
        *("c2VydmljZQ==", "MQ", "1-MWMzYjAwZGE=-NWQ=-3-c2hvcA==-aQ==-L2E=-YTo4MA=="),
    ]
)
BASE64 = st.binary(max_size=80).map(lambda data: b64encode(data).decode())
LATIN = st.text(st.characters(max_codepoint=255), max_size=80)
VALUES = LATIN | st.lists(PARTS, max_size=14).map("".join) | BASE64


@st.composite
def arrived(draw: st.DrawFn, names: tuple[str, ...]) -> Repeated:
    """Headers of some of these names with any values, some of them twice."""
    headers = Repeated(draw(st.dictionaries(st.sampled_from(names), VALUES)))
    headers.repeated = draw(st.lists(st.tuples(st.sampled_from(names), VALUES), max_size=2))
    return headers


@every_format
@given(span=SPANS)
def test_what_is_written_is_read_again(format: Format, span: Outgoing) -> None:
    pairs = format.module.inject(span, known(), NOWHERE)
    check_pairs(pairs, format.module.HEADERS)
    if not format.trace_id(span.trace_id).strip("0"):
        assert pairs == ()
        return
    incoming = format.module.extract(known(**dict(pairs)))
    assert incoming is not None
    check_incoming(incoming, format.name)
    assert (incoming.trace_id, incoming.span_id, incoming.sampled) == (
        format.trace_id(span.trace_id),
        span.span_id,
        format.sampled[span.sampled],
    )
    # Where a state must be said before it, a parent's id is not said without one.
    said = format.parent_id and (format.name != "b3" or span.sampled is not None)
    assert incoming.parent_id == (span.parent_id if said else "")
    if format.tracestate:
        assert (incoming.tracestate, incoming.random) == (span.tracestate, span.random)


@every_format
@given(data=st.data())
def test_nothing_raises_and_what_is_read_is_well_formed(
    format: Format, data: st.DataObject
) -> None:
    headers = data.draw(arrived(format.module.HEADERS))
    check_incoming(format.module.extract(headers), format.name)


@every_format
@given(data=st.data(), span=SPANS, hop=HOPS)
def test_a_span_is_written_whatever_arrived(
    format: Format, data: st.DataObject, span: Outgoing, hop: Hop
) -> None:
    headers = data.draw(arrived(format.module.HEADERS))
    pairs = format.module.inject(span, headers, hop)
    check_pairs(pairs, format.module.HEADERS)
    if pairs:
        incoming = format.module.extract(known(**dict(pairs)))
        assert incoming is not None
        assert wide(incoming.trace_id)[-16:] == span.trace_id[-16:]
        # SkyWalking names it by its segment where one is known.
        assert incoming.span_id == span.span_id or format.name == "sw8"


@every_format
@given(data=st.data())
def test_what_was_read_is_read_the_same_after_it_was_written(
    format: Format, data: st.DataObject
) -> None:
    headers = data.draw(arrived(format.module.HEADERS))
    incoming = format.module.extract(headers)
    if incoming is None or not incoming.trace_id or not incoming.span_id:
        return
    again = format.module.extract(known(**dict(format.module.inject(incoming, headers, NOWHERE))))
    assert again is not None
    assert (again.trace_id, again.span_id) == (incoming.trace_id, incoming.span_id)
    assert again.sampled == format.sampled[incoming.sampled]
