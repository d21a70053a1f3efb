"""OTLP in protobuf, decoded by the official messages and held against the official encoder."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from autotrace.export import otlp
from autotrace.span import CLIENT, INTERNAL, Event, Link
from tests.export_spans import (
    PARENT_ID,
    RESOURCE,
    SERVER_TAGS,
    SPAN_ID,
    START,
    TRACE_ID,
    make_span,
)


def decoded(*spans: Any) -> Any:
    """The one ResourceSpans of the encoded spans."""
    request = ExportTraceServiceRequest.FromString(otlp.encode(spans, RESOURCE))
    (group,) = request.resource_spans
    return group


def only(group: Any) -> Any:
    """The one span in it."""
    ((span,),) = [scope.spans for scope in group.scope_spans]
    return span


def test_a_whole_span() -> None:
    span = make_span(tags=SERVER_TAGS, parent_is_remote=True, tracestate="a=1", status=2)
    span.reason = "connection termination"
    encoded = only(decoded(span))
    assert MessageToDict(encoded) == {
        "traceId": "S/kvNXezTaajzpKdDg5HNg==",
        "spanId": "APBnqgupArc=",
        "parentSpanId": "t61rcWkgMzE=",
        "traceState": "a=1",
        "name": "shop.example.com",
        "kind": "SPAN_KIND_SERVER",
        "startTimeUnixNano": str(START),
        "endTimeUnixNano": str(START + 12_345_678),
        "attributes": [{"key": k, "value": {"stringValue": v}} for k, v in SERVER_TAGS],
        "status": {"code": "STATUS_CODE_ERROR", "message": "connection termination"},
        "flags": 0x301,
    }


def test_the_resource_goes_with_every_request() -> None:
    attributes = {item.key: item.value for item in decoded(make_span()).resource.attributes}
    assert attributes["service.name"].string_value == "Shop"
    assert attributes["process.pid"].int_value == 42


def test_spans_are_grouped_by_their_scope() -> None:
    spans = [make_span(), make_span(scope="shop.cart", scope_version="2"), make_span()]
    found = [
        (each.scope.name, each.scope.version, len(each.spans))
        for each in decoded(*spans).scope_spans
    ]
    assert found == [("autotrace", "", 2), ("shop.cart", "2", 1)]


@pytest.mark.parametrize("kind", range(5))
def test_kinds_are_one_above_those_of_the_api(kind: int) -> None:
    assert only(decoded(make_span(kind=kind))).kind == kind + 1


def test_a_local_root_has_no_parent_and_the_flags_of_a_sampled_span() -> None:
    span = only(decoded(make_span(parent_id="", kind=INTERNAL)))
    assert (span.parent_span_id, span.flags) == (b"", 0x101)


def test_the_flag_of_a_random_trace_id_is_kept() -> None:
    assert only(decoded(make_span(random=True))).flags == 0x103


def test_a_short_trace_id_is_widened() -> None:
    span = only(decoded(make_span(trace_id=SPAN_ID)))
    assert span.trace_id.hex() == "0" * 16 + SPAN_ID


def test_events_and_links() -> None:
    event = Event("cache miss", START + 5, {"key": "a", "tries": 2})
    link = Link(TRACE_ID, PARENT_ID, "b=2", {"why": "batch"})
    span = only(decoded(make_span(events=[event], links=[link])))
    assert MessageToDict(span)["events"] == [
        {
            "timeUnixNano": str(START + 5),
            "name": "cache miss",
            "attributes": [
                {"key": "key", "value": {"stringValue": "a"}},
                {"key": "tries", "value": {"intValue": "2"}},
            ],
        }
    ]
    assert MessageToDict(span)["links"] == [
        {
            "traceId": "S/kvNXezTaajzpKdDg5HNg==",
            "spanId": "t61rcWkgMzE=",
            "traceState": "b=2",
            "attributes": [{"key": "why", "value": {"stringValue": "batch"}}],
        }
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, {"boolValue": True}),
        (7, {"intValue": "7"}),
        (2**63, {"stringValue": str(2**63)}),
        (1.5, {"doubleValue": 1.5}),
        (float("nan"), {"doubleValue": "NaN"}),
        (b"\x00\xff", {"bytesValue": "AP8="}),
        (None, {}),
        ((), {"arrayValue": {}}),
        (["a", 1], {"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": "1"}]}}),
        (
            {"a": {"b": 1}},
            {
                "kvlistValue": {
                    "values": [
                        {
                            "key": "a",
                            "value": {
                                "kvlistValue": {
                                    "values": [{"key": "b", "value": {"intValue": "1"}}]
                                }
                            },
                        }
                    ]
                }
            },
        ),
        (3 + 4j, {"stringValue": "(3+4j)"}),
        ("caf\udce9", {"stringValue": "caf?"}),
    ],
)
def test_any_value_a_program_may_set(value: object, expected: dict[str, Any]) -> None:
    span = only(decoded(make_span(tags=[("key", value)])))
    assert MessageToDict(span.attributes[0].value) == expected


def test_text_with_stray_bytes_does_not_lose_the_span() -> None:
    span = make_span("/caf\udce9", [("caf\udce9", "x")], tracestate="\udce9")
    encoded = only(decoded(span))
    assert (encoded.name, encoded.trace_state) == ("/caf?", "?")
    assert encoded.attributes[0].key == "caf?"


def test_spans_of_one_shape_keep_nothing_of_each_other() -> None:
    """They share one message while they are encoded."""
    failed = make_span(
        tags=[("a", ["list"])], status=2, tracestate="a=1", events=[Event("one", 1, {})]
    )
    plain = make_span("other", [("a", "text")], parent_id="", kind=CLIENT)
    group = decoded(failed, plain, failed)
    first, second, third = group.scope_spans[0].spans
    assert second == only(decoded(plain))
    assert first == third == only(decoded(failed))


def test_the_same_attributes_as_the_official_encoder() -> None:
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

    from tests.export_official import official_span

    values = {"s": "x", "b": False, "i": -1, "f": 0.5, "list": ("a", "b")}
    theirs = encode_spans([official_span(values)]).resource_spans[0].scope_spans[0].spans[0]
    ours = only(decoded(make_span(tags=list(values.items()))))
    assert list(ours.attributes) == list(theirs.attributes)
    assert (ours.trace_id, ours.span_id) == (theirs.trace_id, theirs.span_id)


def test_what_an_answer_says_was_rejected() -> None:
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = 3
    answer.partial_success.error_message = "too old"
    assert otlp.rejected(answer.SerializeToString()) == (3, "too old")
    assert otlp.rejected(b"") == (0, "")
