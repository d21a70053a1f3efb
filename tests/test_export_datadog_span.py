"""Datadog's span, as Envoy's tracer fills it."""

from __future__ import annotations

from autotrace.export.datadog_span import Fields, fields


def test_the_operation_is_the_resource() -> None:
    assert fields("do.thing", []) == Fields("envoy.proxy", "do.thing", False, "", {})


def test_a_tag_may_name_the_resource() -> None:
    made = fields("do.thing", [("resource.name", "vespene gas")])
    assert made == Fields("envoy.proxy", "vespene gas", False, "", {})


def test_error_is_a_field_and_its_reason_also_a_tag() -> None:
    made = fields("x", [("error", "true"), ("error.reason", "connection failure")])
    assert made == Fields(
        "envoy.proxy", "x", True, "connection failure", {"error.reason": "connection failure"}
    )
    assert not fields("x", [("error", "false")]).error


def test_tags_are_text_and_the_last_of_a_name_counts() -> None:
    made = fields("x", [("a", 1), ("b", True), ("a", 2), ("c", None)], name="http.server.request")
    assert made == Fields("http.server.request", "x", False, "", {"a": "2", "b": "true"})
