"""Zipkin v2 in protobuf says what JSON says, read by an independent decoder."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace.export import zipkin, zipkin_proto
from autotrace.export.resource import Resource
from autotrace.span import CLIENT, CONSUMER, INTERNAL, PRODUCER, SERVER, Span
from tests.export_spans import PARENT_ID, RESOURCE, SERVER_TAGS, START, TRACE_ID, make_span
from tests.zipkin_messages import read


def both(span: Span, resource: Resource = RESOURCE) -> tuple[Any, Any]:
    """The span by protobuf and by JSON."""
    return (
        read(zipkin_proto.encode([span], resource)),
        json.loads(zipkin.encode([span], resource)),
    )


@pytest.mark.parametrize(
    "span",
    [
        make_span(),
        make_span("Shop.Example.com", SERVER_TAGS),
        make_span("", parent_id=""),
        make_span(trace_id=TRACE_ID[16:]),
        make_span(span_id=PARENT_ID, shared=True, sampled=2),
        *(make_span(kind=kind) for kind in (INTERNAL, CLIENT, SERVER, PRODUCER, CONSUMER)),
        make_span(kind=CLIENT, tags=[("upstream_address", "[2001:db8::1]:8080")]),
        make_span(kind=CLIENT, tags=[("upstream_cluster", "p"), ("peer.address", "10.0.0.7:80")]),
        make_span(tags=[("a", "caf\xe9"), ("b", "x" * 300), ("stray", "\udce9"), ("n", 7)]),
        make_span(duration_ns=2**62),
    ],
)
def test_both_encodings_say_the_same(span: Span) -> None:
    ours, theirs = both(span)
    assert ours == theirs


@given(st.dictionaries(st.text(), st.text()), st.text(), st.integers(0, 4))
def test_both_say_the_same_of_anything(tags: dict[str, str], name: str, kind: int) -> None:
    ours, theirs = both(make_span(name, list(tags.items()), kind=kind))
    assert ours == theirs


def test_our_own_address() -> None:
    ours, theirs = both(make_span(), Resource("shop", address="[2001:db8::7]:7334"))
    assert ours == theirs
    assert ours[0]["localEndpoint"] == {
        "serviceName": "shop",
        "ipv6": "2001:db8::7",
        "port": 7334,
    }


def test_spans_follow_each_other() -> None:
    body = zipkin_proto.encode([make_span("a"), make_span("b")], RESOURCE)
    assert [span["name"] for span in read(body)] == ["a", "b"]
    assert zipkin_proto.encode([], RESOURCE) == b""


def test_what_was_before_1970_is_at_its_beginning() -> None:
    (span,) = read(zipkin_proto.encode([make_span(start_ns=-START)], RESOURCE))
    assert "timestamp" not in span
