"""SkyWalking's span, as Envoy's tracer fills it."""

from __future__ import annotations

from autotrace.export.skywalking_span import Fields, fields


def test_some_tags_have_other_names() -> None:
    tags = [("http.url", "http://x/"), ("http.status_code", 200), ("foo", "bar"), ("none", None)]
    assert fields(tags) == Fields(
        {"url": "http://x/", "status_code": "200", "foo": "bar"}, False, ""
    )


def test_the_peer_is_a_field() -> None:
    assert fields([("peer.address", "192.0.2.1:80")]) == Fields({}, False, "192.0.2.1:80")


def test_error_is_a_field_and_a_tag() -> None:
    assert fields([("error", "true")]) == Fields({"error": "true"}, True, "")
    assert not fields([("error", "false")]).is_error
