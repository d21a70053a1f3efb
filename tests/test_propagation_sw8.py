"""SkyWalking's headers, by the protocol's third version and Envoy's own cases."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace.headers import NO_HEADERS, Known
from autotrace.propagation import sw8
from autotrace.propagation.hop import Hop
from autotrace.propagation.values import MAX_LENGTH, acceptable
from tests.propagation_spans import HEX_SPAN, HEX_TRACE, Outgoing

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
# The hashes are part of the interface between services, so they are written down.
HASHED_TRACE, HASHED_SPAN = "c7646e949f684bdda126aeba0c79a27f", "517381d08ab1086a"


def field(text: str) -> str:
    return b64encode(text.encode()).decode()


def header(
    sample: str = "1",
    trace_id: str = "trace-1",
    segment_id: str = "segment-1",
    span_id: str = "3",
    *names: str,
) -> str:
    fields = map(field, names or ("svc", "i1", "/a", "192.0.2.1:80"))
    return "-".join((sample, field(trace_id), field(segment_id), span_id, *fields))


def extracted(value: str) -> tuple[str, str, int | None] | None:
    incoming = sw8.extract(Known({"sw8": value}))
    if incoming is None:
        return None
    assert (incoming.format, incoming.parent_id, incoming.tracestate) == ("sw8", "", "")
    return incoming.trace_id, incoming.span_id, incoming.sampled


def test_all_fields_are_read() -> None:
    value = header("0", "trace-1", "segment-1", "233333", "dienst-ü", "node~i", "/POST/x", "h:1")
    assert sw8.parse(value) == sw8.Sw8(
        False, "trace-1", "segment-1", 233333, "dienst-ü", "node~i", "/POST/x", "h:1"
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (header(), (HASHED_TRACE, HASHED_SPAN, 1)),
        (header("0"), (HASHED_TRACE, HASHED_SPAN, 0)),
        (header(span_id="003"), (HASHED_TRACE, HASHED_SPAN, 1)),
        (header(trace_id=TRACE), (TRACE, HASHED_SPAN, 1)),
        (header(trace_id=TRACE[:16]), (TRACE[:16], HASHED_SPAN, 1)),
        (header(trace_id=TRACE, segment_id=SPAN, span_id="0"), (TRACE, SPAN, 1)),
    ],
)
def test_extract(value: str, expected: tuple[str, str, int]) -> None:
    assert extracted(value) == expected


@pytest.mark.parametrize(
    "trace_id",
    [TRACE.upper(), TRACE[1:], TRACE + "0", "0" * 32, "0" * 16, "4bf92f35-77b3-4da6-a3ce-929d0e"],
)
def test_what_is_no_trace_id_of_ours_is_hashed(trace_id: str) -> None:
    found = extracted(header(trace_id=trace_id))
    assert found is not None
    assert len(found[0]) == 32
    assert found[0] not in (trace_id, trace_id.lower())


def test_spans_of_a_segment_and_segments_of_a_trace_differ() -> None:
    values = [header(segment_id=s, span_id=n) for s in (SPAN, "b", "b-1") for n in ("0", "1", "11")]
    assert len({extracted(value) for value in values}) == len(values)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1",
        "xxxxxx-error-propagation-header",
        header("2"),
        header(""),
        header("true"),
        header(span_id=""),
        header(span_id="-1"),
        header(span_id="1.0"),
        header(span_id="\u0661"),
        header(span_id="1" * 11),
        header() + "-eA==",
        header() + "-",
        header().rpartition("-")[0],
        header("1", "t", "s", "1", "", "i1", "/a", "h"),
        header("1", "t", "s", "1", "svc", "i1", "/a", ""),
        header("1", "", "s"),
        header("1", "t", ""),
        header().replace("==", ""),
        header().replace("dHJhY2UtMQ==", "dHJhY2UtMQ=="[:-1]),
        header().replace("dHJhY2UtMQ==", "dHJhY2UtM\xe9=="),
        header().replace("dHJhY2UtMQ==", "====="),
        header().replace("dHJhY2UtMQ==", "trace"),
        " " + header(),
        header() + "\n",
        header(trace_id="t" * 1000),
        header(segment_id="s" * MAX_LENGTH),
    ],
)
def test_malformed_is_ignored(value: str) -> None:
    assert extracted(value) is None
    assert sw8.parse(value) is None


def test_absent() -> None:
    assert sw8.extract(NO_HEADERS) is None


HOP = Hop("svc", "i1", "/a", "192.0.2.1:80", "seg-2", 1)


@pytest.mark.parametrize(
    ("span", "arrived", "hop", "value"),
    [
        (Outgoing(TRACE, SPAN, "", 1), "", HOP, header("1", TRACE, "seg-2", "1")),
        (Outgoing(TRACE, SPAN, "", 2), "", HOP, header("1", TRACE, "seg-2", "1")),
        (Outgoing(TRACE, SPAN, "", 0), "", HOP, header("0", TRACE, "seg-2", "1")),
        (Outgoing(TRACE, SPAN), "", HOP, header("0", TRACE, "seg-2", "1")),
        # Nothing is known of the hop.
        (Outgoing(TRACE, SPAN, "", 1), "", Hop(), header("1", TRACE, SPAN, "0", *"----")),
        # The trace keeps the text it came with.
        (
            Outgoing(HASHED_TRACE, SPAN, "", 1),
            header("0"),
            HOP,
            header("1", "trace-1", "seg-2", "1"),
        ),
        # Another trace arrived, or none.
        (Outgoing(TRACE, SPAN, "", 1), header(), HOP, header("1", TRACE, "seg-2", "1")),
        (Outgoing(TRACE, SPAN, "", 1), "xxx", HOP, header("1", TRACE, "seg-2", "1")),
        # The caller is handed on, not this service.
        (Outgoing(HASHED_TRACE, HASHED_SPAN, "", 1), header(), HOP, header()),
        (Outgoing(HASHED_TRACE, HASHED_SPAN), header(), HOP, header()),
        (Outgoing(HASHED_TRACE, HASHED_SPAN, "", 0), header(), HOP, header("0")),
    ],
)
def test_inject(span: Outgoing, arrived: str, hop: Hop, value: str) -> None:
    known = Known({"sw8": arrived} if arrived else {})
    assert sw8.inject(span, known, hop) == (("sw8", value),)


def test_correlation_and_extension_go_on_as_they_came() -> None:
    known = Known({"sw8": header(), "sw8-correlation": "a2V5:dmFsdWU=", "sw8-x": "0-1700000000"})
    span = Outgoing(HASHED_TRACE, HASHED_SPAN, "", 1)
    assert dict(sw8.inject(span, known)) == known
    known["sw8-x"] = "\r\n"
    assert "sw8-x" not in dict(sw8.inject(span, known))


def test_a_long_path_makes_no_header_that_may_not_be_sent() -> None:
    hop = Hop("svc" * 999, "i" * 999, "/\U0001f600" * 999, "h" * 999, "seg-2", 1)
    known = Known({"sw8": header(trace_id="t" * 768)})
    incoming = sw8.extract(known)
    assert incoming is not None
    sent = dict(sw8.inject(Outgoing(incoming.trace_id, SPAN, "", 1), known, hop))["sw8"]
    assert acceptable(sent)
    found = sw8.extract(Known({"sw8": sent}))
    assert found is not None
    assert found.trace_id == incoming.trace_id


@given(HEX_TRACE, HEX_SPAN, st.sampled_from([0, 1]))
def test_what_is_injected_is_extracted(trace_id: str, span_id: str, sampled: int) -> None:
    ((_, value),) = sw8.inject(Outgoing(trace_id, span_id, "", sampled))
    assert extracted(value) == (trace_id, span_id, sampled)


@given(HEX_TRACE, HEX_SPAN, *[st.text()] * 5, st.integers(0, 2**31 - 1))
def test_names_of_any_text_can_be_read_again(
    trace_id: str, span_id: str, a: str, b: str, c: str, d: str, segment_id: str, exit_span_id: int
) -> None:
    hop = Hop(a, b, c, d, segment_id, exit_span_id)
    ((_, value),) = sw8.inject(Outgoing(trace_id, span_id, "", 1), NO_HEADERS, hop)
    assert acceptable(value)
    found = sw8.parse(value)
    assert found is not None
    assert found.trace_id == trace_id


ALPHABET = "01-AQZaz+/=3"


@given(
    st.text()
    | st.text(alphabet=ALPHABET)
    | st.lists(st.text(alphabet=ALPHABET), min_size=8, max_size=8).map("-".join),
    st.text(),
)
def test_no_text_raises(value: str, correlation: str) -> None:
    known = Known({"sw8": value, "sw8-correlation": correlation})
    sw8.extract(known)
    sw8.parse(value)
    pairs = sw8.inject(Outgoing(TRACE, SPAN, "", 1), known)
    assert all(acceptable(text) for _, text in pairs)


@given(st.tuples(*[st.binary(min_size=1)] * 6), st.integers(0, 9999999999))
def test_no_bytes_raise(texts: tuple[bytes, ...], span_id: int) -> None:
    trace, segment, *names = (b64encode(text).decode() for text in texts)
    value = "-".join(("1", trace, segment, str(span_id), *names))
    assert extracted(value)
    assert sw8.parse(value)
