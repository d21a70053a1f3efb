"""B3's several headers, by their specification and R-13's combinations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace.propagation import b3multi
from tests.propagation_spans import HEX_SPAN, HEX_TRACE, Outgoing, known

WIDE = "463ac35c9f6413ad48485a3953bb6124"
NARROW = "48485a3953bb6124"
SPAN = "a2fb4a1d1a96d312"
PARENT = "0020000000000001"


def extracted(**headers: str) -> tuple[str, str, int | None, str] | None:
    incoming = b3multi.extract(known(**{f"x_b3_{name}": v for name, v in headers.items()}))
    if incoming is None:
        return None
    assert (incoming.format, incoming.tracestate, incoming.random) == ("b3multi", "", False)
    return incoming.trace_id, incoming.span_id, incoming.sampled, incoming.parent_id


@pytest.mark.parametrize(
    ("sampled", "flags", "state"),
    [
        (None, None, None),
        ("0", None, 0),
        ("1", None, 1),
        ("true", None, 1),
        ("false", None, 0),
        ("True", None, 1),
        ("FALSE", None, 0),
        ("d", None, 2),
        ("", None, None),
        ("maybe", None, None),
        (None, "1", 2),
        ("1", "1", 2),
        ("0", "1", 2),
        ("0", "0", 0),
        (None, "0", None),
        (None, "true", None),
    ],
)
def test_sampling_states(sampled: str | None, flags: str | None, state: int | None) -> None:
    states = {n: v for n, v in (("sampled", sampled), ("flags", flags)) if v is not None}
    assert extracted(traceid=WIDE, spanid=SPAN, **states) == (WIDE, SPAN, state, "")
    assert extracted(**states) == (None if state is None else ("", "", state, ""))


@pytest.mark.parametrize("trace_id", [WIDE, NARROW, WIDE.upper()])
@pytest.mark.parametrize("parent_id", [PARENT, PARENT.upper(), "", "xyz", PARENT[1:]])
def test_ids_keep_their_width_and_become_lower_case(trace_id: str, parent_id: str) -> None:
    parent = PARENT if parent_id.lower() == PARENT else ""
    assert extracted(traceid=trace_id, spanid=SPAN, parentspanid=parent_id) == (
        trace_id.lower(),
        SPAN,
        None,
        parent,
    )


@pytest.mark.parametrize(
    ("trace_id", "span_id"),
    [
        ("", SPAN),
        (WIDE, ""),
        ("1", SPAN),
        (WIDE + "0" * 16, SPAN),
        (WIDE[1:], SPAN),
        (WIDE[1:] + "!", SPAN),
        (" " + WIDE[1:], SPAN),
        (WIDE[:-2] + "  ", SPAN),
        (WIDE[:-2] + "\u0661\u0661", SPAN),
        ("0x" + WIDE[2:], SPAN),
        (WIDE, "xyz"),
        (WIDE, SPAN[1:]),
        (WIDE, SPAN[1:] + "_"),
        ("0" * 32, SPAN),
        ("0" * 16, SPAN),
        (WIDE, "0" * 16),
        (f"{WIDE},{WIDE}", SPAN),
        ("a" * 100_000, SPAN),
    ],
)
def test_malformed_ids_are_ignored_and_the_wish_is_kept(trace_id: str, span_id: str) -> None:
    assert extracted(traceid=trace_id, spanid=span_id) is None
    assert extracted(traceid=trace_id, spanid=span_id, sampled="1") == ("", "", 1, "")


def test_one_id_is_none() -> None:
    assert extracted(traceid=WIDE) is None
    assert extracted(spanid=SPAN, parentspanid=PARENT) is None


@pytest.mark.parametrize(
    ("span", "pairs"),
    [
        (
            Outgoing(WIDE, SPAN, PARENT, 1),
            f"traceid={WIDE} spanid={SPAN} parentspanid={PARENT} sampled=1",
        ),
        (Outgoing(NARROW, SPAN, "", 0), f"traceid={NARROW} spanid={SPAN} sampled=0"),
        (
            Outgoing(NARROW, SPAN, PARENT, None),
            f"traceid={NARROW} spanid={SPAN} parentspanid={PARENT}",
        ),
        (Outgoing(NARROW, SPAN, "", None), f"traceid={NARROW} spanid={SPAN}"),
        (Outgoing(NARROW, SPAN, "", 2), f"traceid={NARROW} spanid={SPAN} flags=1"),
    ],
)
def test_inject(span: Outgoing, pairs: str) -> None:
    written = " ".join(f"{name.removeprefix('x-b3-')}={v}" for name, v in b3multi.inject(span))
    assert written == pairs


@given(HEX_TRACE, HEX_SPAN, st.sampled_from([None, 0, 1, 2]), st.just("") | HEX_SPAN)
def test_what_is_injected_is_extracted(
    trace_id: str, span_id: str, sampled: int | None, parent_id: str
) -> None:
    span = Outgoing(trace_id, span_id, parent_id, sampled)
    incoming = b3multi.extract(known(**dict(b3multi.inject(span))))
    assert incoming is not None
    assert b3multi.inject(incoming) == b3multi.inject(span)


@given(st.dictionaries(st.sampled_from(b3multi.HEADERS), st.text() | HEX_TRACE))
def test_no_text_raises(headers: dict[str, str]) -> None:
    b3multi.extract(known(**headers))
