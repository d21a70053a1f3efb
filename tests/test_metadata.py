"""Envoy's metadata as text."""

from __future__ import annotations

from datetime import date

import pytest

from autotrace.metadata import as_text, value_of


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("", ""),
        ("text", "text"),
        (True, "true"),
        (False, "false"),
        (1, "1"),
        (1.0, "1"),
        (1.5, "1.5"),
        (-0.25, "-0.25"),
        (["something", 1.0], '["something",1]'),
        ({"some": {"thing": "\xe4"}}, '{"some":{"thing":"\xe4"}}'),
        ([], "[]"),
        # A file in YAML may hold it.
        ([date(2026, 1, 2)], '["2026-01-02"]'),
    ],
)
def test_text(value: object, text: str | None) -> None:
    assert as_text(value) == text


def test_a_path_leads_through_objects_only() -> None:
    tree = {"ns": {"a": {"b": 1}, "list": [1]}}
    assert value_of(tree, ["ns", "a", "b"]) == 1
    assert value_of(tree, ["ns", "a"]) == {"b": 1}
    for path in (["other"], ["ns", "a", "b", "c"], ["ns", "list", "0"]):
        assert value_of(tree, path) is None
    assert value_of(None, ["ns"]) is None
