"""OTLP in JSON, compared with the shape that its specification gives."""

from __future__ import annotations

import json
from typing import Any

import pytest

from autotrace.export import otlp_json
from autotrace.span import Event, Link
from tests.export_spans import PARENT_ID, RESOURCE, SPAN_ID, START, TRACE_ID, make_span


def decoded(*spans: Any) -> Any:
    """The encoded request as values."""
    return json.loads(otlp_json.encode(spans, RESOURCE))


def test_a_whole_request() -> None:
    span = make_span(
        tags=[("http.method", "GET"), ("size", 7)],
        status=2,
        reason="reset",
        tracestate="a=1",
        events=[Event("miss", START, {"n": 1})],
        links=[Link(SPAN_ID, PARENT_ID, "b=2", {})],
    )
    assert decoded(span) == {
        "resourceSpans": [
            {
                "resource": {
                    "attributes": [
                        {"key": "service.name", "value": {"stringValue": "Shop"}},
                        {"key": "process.pid", "value": {"intValue": "42"}},
                    ]
                },
                "scopeSpans": [
                    {
                        "scope": {"name": "autotrace", "version": ""},
                        "spans": [
                            {
                                "traceId": TRACE_ID,
                                "spanId": SPAN_ID,
                                "parentSpanId": PARENT_ID,
                                "traceState": "a=1",
                                "name": "shop.example.com",
                                "kind": 2,
                                "startTimeUnixNano": str(START),
                                "endTimeUnixNano": str(START + 12_345_678),
                                "attributes": [
                                    {"key": "http.method", "value": {"stringValue": "GET"}},
                                    {"key": "size", "value": {"intValue": "7"}},
                                ],
                                "flags": 0x101,
                                "status": {"code": 2, "message": "reset"},
                                "events": [
                                    {
                                        "name": "miss",
                                        "timeUnixNano": str(START),
                                        "attributes": [{"key": "n", "value": {"intValue": "1"}}],
                                    }
                                ],
                                "links": [
                                    {
                                        "traceId": "0" * 16 + SPAN_ID,
                                        "spanId": PARENT_ID,
                                        "traceState": "b=2",
                                        "attributes": [],
                                    }
                                ],
                            }
                        ],
                    }
                ],
            }
        ]
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, {"boolValue": True}),
        (2**63, {"stringValue": str(2**63)}),
        (-(2**63), {"intValue": str(-(2**63))}),
        (1.5, {"doubleValue": 1.5}),
        (float("-inf"), {"doubleValue": "-Infinity"}),
        (b"\x00\xff", {"bytesValue": "AP8="}),
        (None, {}),
        (["a"], {"arrayValue": {"values": [{"stringValue": "a"}]}}),
        ({"a": 1}, {"kvlistValue": {"values": [{"key": "a", "value": {"intValue": "1"}}]}}),
        (3 + 4j, {"stringValue": "(3+4j)"}),
        ("caf\udce9", {"stringValue": "caf?"}),
    ],
)
def test_any_value_a_program_may_set(value: object, expected: dict[str, Any]) -> None:
    (group,) = decoded(make_span(tags=[("key", value)]))["resourceSpans"]
    assert group["scopeSpans"][0]["spans"][0]["attributes"][0]["value"] == expected


def test_what_an_answer_says_was_rejected() -> None:
    answer = b'{"partialSuccess": {"rejectedSpans": "3", "errorMessage": "too old"}}'
    assert otlp_json.rejected(answer) == (3, "too old")
    assert otlp_json.rejected(b"{}") == otlp_json.rejected(b"") == (0, "")
