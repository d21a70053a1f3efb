"""Zipkin v2 JSON: the shape, and what the server would refuse or misread."""

from __future__ import annotations

import json
from typing import Any

import pytest

from autotrace.export import zipkin
from autotrace.export.resource import Resource
from autotrace.export.zipkin_endpoint import remote_endpoint
from autotrace.span import CLIENT, CONSUMER, INTERNAL, PRODUCER, SERVER, Event, Link
from tests.export_spans import PARENT_ID, RESOURCE, SERVER_TAGS, SPAN_ID, START, TRACE_ID, make_span


def decoded(*spans: Any) -> Any:
    """The encoded list as values."""
    return json.loads(zipkin.encode(spans, RESOURCE))


def tags_of(span: Any) -> dict[str, str]:
    """The tags of one encoded span."""
    (encoded,) = decoded(span)
    tags: dict[str, str] = encoded["tags"]
    return tags


def test_a_whole_span() -> None:
    span = make_span("Shop.Example.com", SERVER_TAGS, events=[Event("miss", START, {"n": 1})])
    assert decoded(span) == [
        {
            "traceId": TRACE_ID,
            "id": SPAN_ID,
            "parentId": PARENT_ID,
            "kind": "SERVER",
            "name": "shop.example.com",
            "timestamp": START // 1000,
            "duration": 12_345,
            "localEndpoint": {"serviceName": "shop"},
            "remoteEndpoint": {"ipv4": "10.2.3.4"},
            "annotations": [{"timestamp": START // 1000, "value": '"miss": {"n":1}'}],
            "tags": dict(SERVER_TAGS),
        }
    ]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (SERVER, "SERVER"),
        (CLIENT, "CLIENT"),
        (PRODUCER, "PRODUCER"),
        (CONSUMER, "CONSUMER"),
        (INTERNAL, None),
    ],
)
def test_kinds(kind: int, expected: str | None) -> None:
    assert decoded(make_span(kind=kind))[0].get("kind") == expected


def test_what_is_unknown_is_left_out() -> None:
    (span,) = decoded(make_span("", parent_id="", kind=INTERNAL))
    assert set(span) == {"traceId", "id", "timestamp", "duration", "localEndpoint", "tags"}


def test_a_duration_is_at_least_one() -> None:
    assert decoded(make_span(duration_ns=10))[0]["duration"] == 1


def test_ids_are_lower_case_and_a_span_is_not_its_own_parent() -> None:
    (span,) = decoded(make_span(trace_id=TRACE_ID.upper(), parent_id=SPAN_ID))
    assert (span["traceId"], "parentId" in span) == (TRACE_ID, False)


def test_shared_is_said_by_the_server_only() -> None:
    assert decoded(make_span(shared=True))[0]["shared"] is True
    assert "shared" not in decoded(make_span(shared=True, kind=CLIENT))[0]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("", {}),
        ("10.0.0.7", {"ipv4": "10.0.0.7"}),
        ("[2001:db8::7]:7334", {"ipv6": "2001:db8::7", "port": 7334}),
        ("shop.example", {}),
    ],
)
def test_our_own_address(address: str, expected: dict[str, object]) -> None:
    (span,) = json.loads(zipkin.encode([make_span()], Resource("Shop", address=address)))
    assert span["localEndpoint"] == {"serviceName": "shop", **expected}


def test_debug_is_said_when_it_was_asked_for() -> None:
    assert decoded(make_span(sampled=2))[0]["debug"] is True
    assert "debug" not in decoded(make_span())[0]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, "true"),
        (7, "7"),
        (0.5, "0.5"),
        (["a", 1], '["a",1]'),
        (("ü",), '["ü"]'),
        (b"abc", "abc"),
        ({"a": float("nan")}, '{"a":"nan"}'),
        ("caf\udce9", "caf?"),
    ],
)
def test_values_are_text(value: object, expected: str) -> None:
    assert tags_of(make_span(tags=[("key", value)])) == {"key": expected}


def test_tags_without_name_or_value_are_left_out() -> None:
    assert tags_of(make_span(tags=[("a", ""), ("", "b"), ("c", None), ("d", 0)])) == {"d": "0"}


@pytest.mark.parametrize(
    ("tags", "others", "expected"),
    [
        ([("error", "true")], {}, "true"),
        ([("error", "false")], {}, None),
        ([("error", False)], {}, None),
        ([("error", "")], {}, None),
        ([], {"user_status": 2, "user_status_message": "sold out"}, "sold out"),
        ([], {"user_status": 2}, "true"),
        ([("error", "boom")], {"user_status": 2}, "boom"),
        ([("response_flags", "-")], {"user_status": 2}, "true"),
        ([("response_flags", "-"), ("http.status_code", "404")], {"status": 2}, None),
        ([("http.response.status_code", 404)], {"status": 2}, "true"),
    ],
)
def test_the_error_tag_is_there_on_error_only(
    tags: list[tuple[str, object]], others: dict[str, Any], expected: str | None
) -> None:
    assert tags_of(make_span(tags=tags, kind=CLIENT, **others)).get("error") == expected


def test_what_opentelemetry_has_and_zipkin_has_not_becomes_tags() -> None:
    span = make_span(
        scope="shop.cart", scope_version="2", user_status=1, links=[Link(TRACE_ID, PARENT_ID)]
    )
    assert tags_of(span) == {
        "otel.scope.name": "shop.cart",
        "otel.scope.version": "2",
        "otel.status_code": "OK",
        "otel.links": f'[{{"traceId":"{TRACE_ID}","spanId":"{PARENT_ID}","attributes":{{}}}}]',
    }


@pytest.mark.parametrize("tags", [[("binaryAnnotations", "x")], [("a", "yAnnotations")]])
def test_nothing_looks_like_the_first_version_of_the_format(tags: list[tuple[str, str]]) -> None:
    """The server looks for these bytes anywhere in the body."""
    body = zipkin.encode([make_span(tags=tags)], RESOURCE)
    assert b'yAnnotations"' not in body
    assert json.loads(body)[0]["tags"] == dict(tags)


@pytest.mark.parametrize(
    ("kind", "tags", "expected"),
    [
        (
            "CLIENT",
            {"upstream_cluster.name": "Prices", "upstream_address": "10.0.0.7:8080"},
            {"serviceName": "prices", "ipv4": "10.0.0.7", "port": 8080},
        ),
        ("CLIENT", {"peer.address": "[2001:db8::1]:443"}, {"ipv6": "2001:db8::1", "port": 443}),
        ("CLIENT", {"peer.address": "2001:DB8::1"}, {"ipv6": "2001:db8::1"}),
        ("CLIENT", {"peer.address": "::ffff:10.0.0.7"}, {"ipv4": "10.0.0.7"}),
        ("CLIENT", {"peer.address": "fe80::1%eth0"}, {"ipv6": "fe80::1"}),
        ("CLIENT", {"peer.address": "10.0.0.7:0"}, {"ipv4": "10.0.0.7"}),
        ("CLIENT", {"peer.address": "10.0.0.7:x"}, {"ipv4": "10.0.0.7"}),
        ("CLIENT", {"peer.address": "/run/a.sock"}, {}),
        (
            "CLIENT",
            {
                "server.address": "prices",
                "network.peer.address": "10.0.0.7",
                "network.peer.port": 80,
            },
            {"serviceName": "prices", "ipv4": "10.0.0.7", "port": 80},
        ),
        ("PRODUCER", {"peer.service": "kafka"}, {"serviceName": "kafka"}),
        ("SERVER", {"downstream_cluster": "-", "server.address": "me"}, {}),
        (
            "SERVER",
            {"downstream_cluster": "front", "peer.address": "10.2.3.4"},
            {"serviceName": "front", "ipv4": "10.2.3.4"},
        ),
        ("", {"peer.address": "10.0.0.7"}, {}),
    ],
)
def test_the_remote_endpoint(
    kind: str, tags: dict[str, object], expected: dict[str, object]
) -> None:
    assert remote_endpoint(kind, tags) == expected
