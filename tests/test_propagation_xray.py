"""X-Ray's header, by AWS's documentation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace.headers import NO_HEADERS, Known
from autotrace.propagation import xray
from autotrace.propagation.values import acceptable
from tests.propagation_spans import HEX_SPAN, HEX_TRACE, Outgoing

HEADER = "x-amzn-trace-id"
ROOT = "1-5759e988-bd862e3fe1be46a994272793"
TRACE, SPAN = "5759e988bd862e3fe1be46a994272793", "53995c3f42cd8ad8"
IDS = f"Root={ROOT};Parent={SPAN}"


def extracted(value: str) -> tuple[str, str, int | None] | None:
    incoming = xray.extract(Known({HEADER: value}))
    if incoming is None:
        return None
    assert (incoming.format, incoming.parent_id, incoming.tracestate) == ("xray", "", "")
    return incoming.trace_id, incoming.span_id, incoming.sampled


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"{IDS};Sampled=1", (TRACE, SPAN, 1)),
        (f"{IDS};Sampled=0", (TRACE, SPAN, 0)),
        (f"{IDS};Sampled=?", (TRACE, SPAN, None)),
        (f"{IDS};Sampled=", (TRACE, SPAN, None)),
        (f"{IDS};Sampled=true", (TRACE, SPAN, None)),
        (IDS, (TRACE, SPAN, None)),
        (f"{IDS};Sampled=1;Lineage=1:a87bd80c:1|68fd508a:5", (TRACE, SPAN, 1)),
        (f"{IDS};Sampled=1".upper(), (TRACE, SPAN, 1)),
        (f"sampled=1;parent={SPAN};root={ROOT}", (TRACE, SPAN, 1)),
        (f" Root = {ROOT} ;\tParent = {SPAN}; Sampled = 1 ;", (TRACE, SPAN, 1)),
        (f"Self=1-67891234-12456789abcdef012345678;{IDS};CalledFrom=app", (TRACE, SPAN, None)),
        # A trace that a load balancer began.
        (f"Root={ROOT}", (TRACE, "", None)),
        (f"Self=1-67891234-12456789abcdef012345678;Root={ROOT}", (TRACE, "", None)),
        (f"Root={ROOT};Sampled=0", (TRACE, "", 0)),
        # Only a wish.
        ("Sampled=1", ("", "", 1)),
        ("Sampled=0", ("", "", 0)),
        (f"Parent={SPAN};Sampled=1", ("", "", 1)),
        (f"Root=1-272793;Parent={SPAN};Sampled=0", ("", "", 0)),
        (f"Root={ROOT};Parent=5398ad8;Sampled=1", ("", "", 1)),
    ],
)
def test_extract(value: str, expected: tuple[str, str, int | None]) -> None:
    assert extracted(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        ";",
        "=",
        "Sampled=?",
        "Sampled=11",
        ROOT,
        f"Parent={SPAN}",
        f"Root=2{ROOT[1:]};Parent={SPAN}",
        f"Root={ROOT[:-1]};Parent={SPAN}",
        f"Root={ROOT}0;Parent={SPAN}",
        f"Root={ROOT.replace('e', 'g')};Parent={SPAN}",
        f"Root={TRACE};Parent={SPAN}",
        f"Root=1-{'0' * 8}-{'0' * 24};Parent={SPAN}",
        f"Root={ROOT};Parent={SPAN[1:]}",
        f"Root={ROOT};Parent={SPAN}0",
        f"Root={ROOT};Parent={'0' * 16}",
        f"Root:{ROOT};Parent:{SPAN};Sampled:1",
        f"Root={ROOT},Parent={SPAN},Sampled=1",
        "Root=1-5759e988-bd862e3fe1be46a99427279\u0661",
        ";" * 100_000 + IDS,
    ],
)
def test_malformed_is_ignored(value: str) -> None:
    assert extracted(value) is None


def test_absent() -> None:
    assert xray.extract(NO_HEADERS) is None


@pytest.mark.parametrize(
    ("span", "value"),
    [
        (Outgoing(TRACE, SPAN, "", 1), f"{IDS};Sampled=1"),
        (Outgoing(TRACE, SPAN, "", 2), f"{IDS};Sampled=1"),
        (Outgoing(TRACE, SPAN, "", 0), f"{IDS};Sampled=0"),
        (Outgoing(TRACE, SPAN), IDS),
        (Outgoing(TRACE[16:], SPAN), f"Root=1-00000000-00000000{TRACE[16:]};Parent={SPAN}"),
    ],
)
def test_inject(span: Outgoing, value: str) -> None:
    assert xray.inject(span) == ((HEADER, value),)


@pytest.mark.parametrize(
    ("arrived", "lineage"),
    [
        (f"{IDS};Sampled=0;Lineage=1:A87bd80c:1|68fd508a:5", ";Lineage=1:A87bd80c:1|68fd508a:5"),
        (f"lineage = 25:3d9:0 ;Self=1-2;Foo=bar;{IDS}", ";Lineage=25:3d9:0"),
        (f"{IDS};Sampled=1", ""),
        (f"{IDS};Lineage=1:\x00", ""),
        (f"{IDS};Lineage={'1' * 257}", ""),
    ],
)
def test_of_what_arrived_the_lineage_goes_on(arrived: str, lineage: str) -> None:
    span = Outgoing(TRACE, SPAN, "", 1)
    sent = dict(xray.inject(span, Known({HEADER: arrived})))[HEADER]
    assert sent == f"{IDS};Sampled=1{lineage}"


@given(HEX_TRACE, HEX_SPAN, st.sampled_from([None, 0, 1]))
def test_what_is_injected_is_extracted(trace_id: str, span_id: str, sampled: int | None) -> None:
    ((_, value),) = xray.inject(Outgoing(trace_id, span_id, "", sampled))
    assert extracted(value) == (trace_id.rjust(32, "0"), span_id, sampled)


ITEMS = st.tuples(st.sampled_from(["Root", "parent", "SAMPLED", "Lineage", "x"]), st.text())


@given(st.text() | st.lists(ITEMS.map("=".join)).map(";".join))
def test_no_text_raises_and_what_is_sent_is_acceptable(value: str) -> None:
    known = Known({HEADER: value})
    xray.extract(known)
    xray.parse(value)
    pairs = xray.inject(Outgoing(TRACE, SPAN, "", 1), known)
    assert all(acceptable(text) for _, text in pairs)
