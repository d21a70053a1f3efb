"""The single `b3` header, by its specification and R-13's combinations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace.propagation import b3
from tests.propagation_spans import HEX_SPAN, HEX_TRACE, Outgoing, known

WIDE = "80f198ee56343ba864fe8b2a57d3eff7"
NARROW = "64fe8b2a57d3eff7"
SPAN = "e457b5a2e4d86bd1"
PARENT = "05e3ac9a4f6e3b90"


@pytest.mark.parametrize(
    ("value", "trace_id", "span_id", "sampled", "parent_id"),
    [
        (f"{WIDE}-{SPAN}-1-{PARENT}", WIDE, SPAN, 1, PARENT),
        (f"{WIDE}-{SPAN}-0-{PARENT}", WIDE, SPAN, 0, PARENT),
        (f"{WIDE}-{SPAN}-d-{PARENT}", WIDE, SPAN, 2, PARENT),
        (f"{WIDE}-{SPAN}-1", WIDE, SPAN, 1, ""),
        (f"{WIDE}-{SPAN}", WIDE, SPAN, None, ""),
        (f"{NARROW}-{SPAN}-0-{PARENT}", NARROW, SPAN, 0, PARENT),
        (f"{NARROW}-{SPAN}-d", NARROW, SPAN, 2, ""),
        (f"{NARROW}-{SPAN}", NARROW, SPAN, None, ""),
        (f"{WIDE}-{SPAN}-1-{PARENT}".upper(), WIDE, SPAN, 1, PARENT),
        ("463AC35C9F6413AD-A2FB4A1D1A96D312-1", "463ac35c9f6413ad", "a2fb4a1d1a96d312", 1, ""),
        ("0", "", "", 0, ""),
        ("1", "", "", 1, ""),
        ("d", "", "", 2, ""),
    ],
)
def test_extract(
    value: str, trace_id: str, span_id: str, sampled: int | None, parent_id: str
) -> None:
    incoming = b3.extract(known(b3=value))
    assert incoming is not None
    assert (incoming.trace_id, incoming.span_id, incoming.sampled, incoming.parent_id) == (
        trace_id,
        span_id,
        sampled,
        parent_id,
    )
    assert (incoming.format, incoming.tracestate, incoming.random) == ("b3", "", False)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "2",
        "true",
        "-",
        "1-",
        "\xe9",
        "b970dafd-0d95-40aa-95d8-1d8725aebe40",
        NARROW,
        f"{NARROW}-",
        f"{NARROW}-{SPAN[1:]}",
        f"{NARROW}-{SPAN}-",
        f"{NARROW}-{SPAN}-1-",
        f"{NARROW}-{SPAN}!1",
        f"{NARROW}-{SPAN}-c",
        f"{NARROW}-{SPAN}-1-{PARENT[1:]}!",
        f"{NARROW}-{SPAN}-1!{PARENT}",
        f"{NARROW}-{SPAN}-{PARENT}",
        f"{NARROW}!{SPAN}-1",
        f"{NARROW}!{SPAN}",
        f"{NARROW[1:]}!-{SPAN}-1",
        f"{WIDE[1:]}!-{SPAN}-1",
        f"{WIDE}-{SPAN[1:]}!-1",
        f"{WIDE}-{SPAN}-1-{PARENT}a",
        f"{WIDE}{NARROW}-{SPAN}-1",
        f"{'0' * 32}-{SPAN}-1",
        f"{'0' * 16}-{SPAN}-1",
        f"{WIDE}-{'0' * 16}-1",
        f" {NARROW[1:]}-{SPAN}-1",
        f"{NARROW[:-2]}  -{SPAN}-1",
        f"{NARROW[:-2]}\u0661\u0661-{SPAN}-1",
        f"0x{NARROW[2:]}-{SPAN}-1",
        "a" * 100_000,
    ],
)
def test_malformed_is_ignored(value: str) -> None:
    assert b3.extract(known(b3=value)) is None


def test_absent() -> None:
    assert b3.extract(known()) is None


@pytest.mark.parametrize(
    ("span", "value"),
    [
        (Outgoing(WIDE, SPAN, PARENT, 1), f"{WIDE}-{SPAN}-1-{PARENT}"),
        (Outgoing(WIDE, SPAN, PARENT, 2), f"{WIDE}-{SPAN}-d-{PARENT}"),
        (Outgoing(NARROW, SPAN, "", 0), f"{NARROW}-{SPAN}-0"),
        (Outgoing(NARROW, SPAN, "", None), f"{NARROW}-{SPAN}"),
        (Outgoing(NARROW, SPAN, PARENT, None), f"{NARROW}-{SPAN}"),
    ],
)
def test_inject(span: Outgoing, value: str) -> None:
    assert b3.inject(span) == (("b3", value),)


@given(HEX_TRACE, HEX_SPAN, st.sampled_from([0, 1, 2]), st.just("") | HEX_SPAN)
def test_what_is_injected_is_extracted(
    trace_id: str, span_id: str, sampled: int, parent_id: str
) -> None:
    span = Outgoing(trace_id, span_id, parent_id, sampled)
    incoming = b3.extract(known(**dict(b3.inject(span))))
    assert incoming is not None
    assert (incoming.trace_id, incoming.span_id, incoming.parent_id, incoming.sampled) == (
        trace_id,
        span_id,
        parent_id,
        sampled,
    )


@given(st.text() | st.text(alphabet="0a-1d ", min_size=33, max_size=68))
def test_no_text_raises(text: str) -> None:
    b3.extract(known(b3=text))
