"""What an independent OTLP receiver reads in our bytes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from google.protobuf.json_format import MessageToDict

from autotrace.config import Config
from autotrace.export import pipeline
from autotrace.export.otlp import encode
from autotrace.span import Event, Link
from tests.export_spans import (
    PARENT_ID,
    RESOURCE,
    SERVER_TAGS,
    SPAN_ID,
    START,
    TRACE_ID,
    make_span,
    numbered,
)
from tests.rotel_receiver import Rotel, running_rotel


@pytest.fixture(scope="module")
def rotel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rotel]:
    """One receiver for all tests here."""
    with running_rotel(tmp_path_factory.mktemp("rotel")) as running:
        yield running


WAYS = [
    ("http/protobuf", "gzip"),
    ("http/protobuf", "none"),
    ("http/json", "gzip"),
    ("http/json", "none"),
    ("grpc", "gzip"),
    ("grpc", "none"),
]


@pytest.mark.parametrize(("protocol", "compression"), WAYS)
def test_everything_a_span_has_arrives(rotel: Rotel, protocol: str, compression: str) -> None:
    span = make_span(
        tags=[*SERVER_TAGS, ("number", 7), ("claim", True), ("half", 0.5), ("list", ["a", 1])],
        status=2,
        reason="connection termination",
        parent_is_remote=True,
        tracestate="a=1",
        events=[Event("miss", START + 5, {"n": 1})],
        links=[Link(TRACE_ID, PARENT_ID, "b=2", {"why": "batch"})],
    )
    config = Config(
        otlp_endpoint=rotel.grpc_url if protocol == "grpc" else f"{rotel.url}/v1/traces",
        sources={"otlp_endpoint": "AUTOTRACE_OTLP_ENDPOINT"},
        otlp_protocol=protocol,
        otlp_compression=compression,
    )
    sending = pipeline.build(config, RESOURCE)
    sending.put(span)
    assert sending.flush(20.0)
    assert sending.counters()["otlp"]["sent"] == 1
    ((resource, scope, read),) = rotel.decoded(1)
    sending.shutdown()

    assert {item.key: item.value.string_value for item in resource.attributes}[
        "service.name"
    ] == "Shop"
    assert scope.name == "autotrace"
    assert (read.trace_id.hex(), read.span_id.hex()) == (TRACE_ID, SPAN_ID)
    assert MessageToDict(read) == {
        "traceId": "S/kvNXezTaajzpKdDg5HNg==",
        "spanId": "APBnqgupArc=",
        "parentSpanId": "t61rcWkgMzE=",
        "traceState": "a=1",
        "name": "shop.example.com",
        "kind": "SPAN_KIND_SERVER",
        "startTimeUnixNano": str(START),
        "endTimeUnixNano": str(START + 12_345_678),
        "attributes": [
            *({"key": name, "value": {"stringValue": value}} for name, value in SERVER_TAGS),
            {"key": "number", "value": {"intValue": "7"}},
            {"key": "claim", "value": {"boolValue": True}},
            {"key": "half", "value": {"doubleValue": 0.5}},
            {
                "key": "list",
                "value": {"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": "1"}]}},
            },
        ],
        "events": [
            {
                "name": "miss",
                "timeUnixNano": str(START + 5),
                "attributes": [{"key": "n", "value": {"intValue": "1"}}],
            }
        ],
        "links": [
            {
                "traceId": "S/kvNXezTaajzpKdDg5HNg==",
                "spanId": "t61rcWkgMzE=",
                "traceState": "b=2",
                "attributes": [{"key": "why", "value": {"stringValue": "batch"}}],
            }
        ],
        "status": {"code": "STATUS_CODE_ERROR", "message": "connection termination"},
        "flags": 0x301,
    }


def test_thousands_arrive_once_each(rotel: Rotel) -> None:
    spans = numbered(3000)
    sending = pipeline.build(Config(otlp_endpoint=f"{rotel.url}/v1/traces"), RESOURCE)
    for span in spans:
        sending.put(span)
    assert sending.flush(20.0)
    read = [span.span_id.hex() for _, _, span in rotel.decoded(len(spans))]
    sending.shutdown()
    assert sorted(read) == [span.span_id for span in spans]


def test_it_refuses_what_is_no_otlp(rotel: Rotel) -> None:
    """So that its yes means something."""
    from autotrace.export.sender import Sender

    posting = Sender(f"{rotel.url}/v1/traces", {}, 10.0)
    whole = encode([make_span()], RESOURCE)
    assert posting.post(whole[:-3], "application/x-protobuf", 10.0).status == 400
