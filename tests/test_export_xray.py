"""X-Ray's documents, as Envoy's tracer fills them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from autotrace.export import xray
from autotrace.span import CLIENT, CONSUMER, ERROR, INTERNAL, PRODUCER, SERVER
from tests.export_spans import PARENT_ID, SERVER_TAGS, SPAN_ID, START, make_span


def document(*tags: tuple[str, Any], forwarded_for: str = "", **others: Any) -> dict[str, Any]:
    return xray.document(make_span("name", tags, **others), "svc", {}, forwarded_for)


def test_a_whole_segment() -> None:
    fields = {"origin": "AWS::Service::Proxy", "aws": {"key": [1, "x"]}, "other": 1}
    assert xray.document(make_span("shop", SERVER_TAGS), "Shop", fields) == {
        "name": "Shop",
        "id": SPAN_ID,
        "trace_id": "1-4bf92f35-77b34da6a3ce929d0e0e4736",
        "parent_id": PARENT_ID,
        "start_time": START / 1e9,
        "end_time": (START + 12_345_678) / 1e9,
        "origin": "AWS::Service::Proxy",
        "aws": {"key": [1, "x"]},
        "http": {
            "request": {
                "url": "http://shop.example.com/checkout?item=42",
                "method": "GET",
                "user_agent": "python-requests/2.34.2",
                "client_ip": "10.2.3.4",
                "x_forwarded_for": False,
            },
            "response": {"status": 200, "content_length": 1532},
        },
        "annotations": {
            "direction": "ingress",
            "node_id": "pod-7",
            "zone": "eu-1",
            "guid_x_request_id": "a9c3b1e2-7f8a-9c11-b0aa-2f5f1e0c9b77",
            "downstream_cluster": "-",
            "http_protocol": "HTTP/1.1",
            "request_size": "0",
            "component": "proxy",
            "response_flags": "-",
        },
    }


@pytest.mark.parametrize(
    ("kind", "parent_id", "type", "namespace", "direction"),
    [
        (SERVER, "", None, None, "ingress"),
        (SERVER, PARENT_ID, None, None, "ingress"),
        (CONSUMER, PARENT_ID, None, None, "ingress"),
        (CLIENT, PARENT_ID, "subsegment", "remote", "egress"),
        (PRODUCER, PARENT_ID, "subsegment", "remote", "egress"),
        (INTERNAL, PARENT_ID, "subsegment", None, "ingress"),
        (CLIENT, "", None, None, "egress"),
    ],
)
def test_what_was_called_is_a_subsegment(
    kind: int, parent_id: str, type: str | None, namespace: str | None, direction: str
) -> None:
    made = document(kind=kind, parent_id=parent_id)
    assert (made.get("type"), made.get("namespace")) == (type, namespace)
    assert made.get("parent_id", "") == parent_id
    assert made["annotations"] == {"direction": direction}


@pytest.mark.parametrize(
    ("status", "tags", "verdict"),
    [
        (0, {"http.status_code": "200"}, {}),
        (0, {"http.status_code": "404"}, {"error": True}),
        (ERROR, {"http.status_code": "404"}, {"error": True}),
        (0, {"http.status_code": "429"}, {"error": True, "throttle": True}),
        (0, {"http.status_code": "503"}, {}),
        (0, {"http.status_code": "503", "error": "true"}, {"fault": True}),
        (0, {"http.status_code": "404", "error": "true"}, {"error": True, "fault": True}),
        (0, {"error": "false"}, {}),
        (0, {"error": True}, {"fault": True}),
        (ERROR, {}, {"fault": True}),
    ],
)
def test_error_throttle_and_fault(
    status: int, tags: dict[str, Any], verdict: dict[str, bool]
) -> None:
    made = document(*tags.items(), status=status)
    assert {name: made[name] for name in ("error", "throttle", "fault") if name in made} == verdict


def test_the_client_is_the_one_that_was_forwarded_for() -> None:
    client = {"client_ip": "203.0.113.5", "x_forwarded_for": True}
    for tags in ([], [("peer.address", "10.0.0.1")]):
        made = document(*tags, forwarded_for="203.0.113.5")
        assert made["http"]["request"] == client


def test_what_is_no_number_is_left_out() -> None:
    made = document(("http.status_code", "-"), ("response_size", "1" * 5000))
    assert made["http"] == {"response": {}}


def test_annotations_are_what_x_ray_takes() -> None:
    made = document(
        ("text", "x" * 1001),
        ("number", 1.5),
        ("truth", True),
        ("list", [1, 2]),
        ("a.b-c:é", "1"),
        ("", "x"),
        ("empty", ""),
        ("none", None),
        ("nan", float("nan")),
    )
    assert made["annotations"] == {
        "direction": "ingress",
        "text": "x" * 1000,
        "number": 1.5,
        "truth": True,
        "list": "[1,2]",
        "a_b_c__": "1",
        "nan": "nan",
    }
    made = document(*((f"tag{number}", "x") for number in range(99)))
    assert len(made["annotations"]) == 50


def test_a_name_has_no_character_that_x_ray_refuses() -> None:
    made = xray.document(make_span(), "a?b;c*(d)!$~^<e> f:g-h\\i@" + "x" * 300)
    assert made["name"] == ("abcde f:g-h\\i@" + "x" * 300)[:200]


def test_a_short_trace_id_is_widened() -> None:
    assert document(trace_id="1" * 16)["trace_id"] == f"1-{'0' * 8}-{'0' * 8}{'1' * 16}"


def test_the_datagram_begins_with_the_header_line() -> None:
    line, _, body = xray.datagram({"name": "é\n"}).partition(b"\n")
    assert json.loads(line) == {"format": "json", "version": 1}
    assert json.loads(body) == {"name": "é\n"}
    assert b"\n" not in body
