"""X-Ray's local sampling rules, with Envoy's quirks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace.provider.xray_rules import parse, wildcard

DEFAULT = {"fixed_target": 3, "rate": 0.1}
RULE = {"fixed_target": 1, "rate": 0.5}
REQUEST = ("host", "GET", "/path")
SECOND = 1_000_000_000


def manifest(*rules: Any, **other: Any) -> str:
    return json.dumps({"version": 2, "default": DEFAULT, "rules": rules, **other})


@pytest.mark.parametrize(
    ("text", "custom", "default", "fault"),
    [
        ("", 0, (1, 0.5), ""),
        (manifest(), 0, (3, 0.1), ""),
        (manifest(RULE, RULE), 2, (3, 0.1), ""),
        (manifest(RULE, version=2.0), 1, (3, 0.1), ""),
        (manifest(RULE | {"fixed_target": 4.0, "rate": 1}), 1, (3, 0.1), ""),
        ("{{}", 0, (1, 0.5), "no JSON"),
        ("[" * 100_000, 0, (1, 0.5), "no JSON"),
        ("[]", 0, (1, 0.5), "the manifest must be an object"),
        (manifest(RULE, version=1), 0, (1, 0.5), "version must be 2"),
        (manifest(RULE, version="2"), 0, (1, 0.5), "version must be 2"),
        (manifest(RULE, default=None), 0, (1, 0.5), "default must be an object"),
        (manifest(RULE, default={"rate": 0.1}), 0, (1, 0.5), "fixed_target must"),
        (manifest(RULE, rules=None), 0, (3, 0.1), "rules must be a list"),
        (manifest("rule"), 0, (3, 0.1), "rule 1 must be an object"),
        (manifest(RULE, RULE | {"fixed_target": -1}, RULE), 1, (3, 0.1), "fixed_target must"),
        (manifest(RULE, RULE | {"fixed_target": 4.2}), 1, (3, 0.1), "fixed_target must"),
        (manifest(RULE, RULE | {"fixed_target": True}), 1, (3, 0.1), "fixed_target must"),
        (manifest(RULE, RULE | {"fixed_target": float("inf")}), 1, (3, 0.1), "fixed_target must"),
        (manifest(RULE, RULE | {"rate": 1.01}), 1, (3, 0.1), "rate must"),
        (manifest(RULE, RULE | {"rate": float("nan")}), 1, (3, 0.1), "rate must"),
        (manifest(RULE, RULE | {"rate": None}), 1, (3, 0.1), "rate must"),
        (manifest(RULE, RULE | {"host": None}), 1, (3, 0.1), "host must be a text"),
        (manifest(RULE, RULE | {"url_path": 1}), 1, (3, 0.1), "url_path must be a text"),
    ],
)
def test_a_manifest_counts_up_to_its_first_fault(
    text: str, custom: int, default: tuple[int, float], fault: str
) -> None:
    rules = parse(text)
    assert len(rules.custom) == custom
    assert (rules.default.fixed_target, rules.default.rate) == default
    assert rules.fault.startswith(fault) and bool(rules.fault) is bool(fault)


def decisions(text: str, *requests: tuple[int, int]) -> list[bool]:
    """The decisions about requests at a time and with a random number."""
    rules = parse(text)

    def drawn(number: int) -> Callable[[], int]:
        return lambda: number

    return [rules.sampled(REQUEST, now, drawn(number)) for now, number in requests]


def test_some_a_second_pass_and_then_a_share() -> None:
    text = manifest(RULE | {"fixed_target": 2, "rate": 0.5})
    times = [(0, 50), (1, 150), (2, 150), (3, 149), (SECOND, 50)]
    assert decisions(text, *times) == [True, True, False, True, False]


def test_the_second_begins_anew_when_it_is_over() -> None:
    text = manifest(RULE | {"rate": 0})
    times = [(5, 0), (SECOND + 5, 0), (SECOND + 6, 0), (2 * SECOND + 6, 0), (2 * SECOND + 7, 0)]
    assert decisions(text, *times) == [True, False, True, False, True]


def test_without_rules_the_built_in_one_counts_and_not_the_default() -> None:
    text = manifest(default={"fixed_target": 0, "rate": 0})
    assert decisions(text, (0, 99), (1, 49), (2, 50)) == [True, True, False]


def test_the_first_rule_that_fits_counts_else_the_default() -> None:
    text = manifest(
        {"host": "other", "fixed_target": 0, "rate": 0},
        {"http_method": "get", "fixed_target": 0, "rate": 1},
        {"fixed_target": 0, "rate": 0},
    )
    assert decisions(text, (0, 99)) == [True]
    text = manifest(
        {"host": "other", "fixed_target": 0, "rate": 1}, default=DEFAULT | {"fixed_target": 0}
    )
    assert decisions(text, (0, 9), (0, 10)) == [True, False]


@pytest.mark.parametrize(
    ("pattern", "text", "match"),
    [
        ("*", "", True),
        ("*", "x", True),
        ("**", "", True),
        ("", "", True),
        ("", "x", False),
        ("?", "", False),
        ("?", "x", True),
        ("a?c", "ABC", True),
        ("a*c", "ac", True),
        ("a*c", "abcbc", True),
        ("a*c", "abcb", False),
        ("a*b*c?", "aXbXbXcd", True),
        ("a*b*c?", "aXbXbXc", False),
        ("*?*?*", "a", False),
        ("*?*?*", "ab", True),
        ("/api/[a]", "/api/a", False),
        ("/api/[a]", "/api/[A]", True),
        ("*.example.com", "www.example.com", True),
        ("*\n*", "a\nb", True),
    ],
)
def test_wildcard(pattern: str, text: str, match: bool) -> None:
    assert wildcard(pattern, text) is match


def test_a_hostile_text_takes_no_long_time() -> None:
    assert not wildcard("*a" * 20 + "b", "a" * 5_000)


@given(st.text(alphabet="ab?*"), st.text(alphabet="ab"))
def test_wildcard_is_what_a_regular_expression_says(pattern: str, text: str) -> None:
    expression = "".join({"*": ".*", "?": "."}.get(each, each) for each in pattern)
    # Stars in a row mean the same as one, and would take the expression forever.
    expression = re.sub(r"(?:\.\*)+", ".*", expression)
    assert wildcard(pattern, text) is (re.fullmatch(expression, text, re.DOTALL) is not None)


@given(
    st.text()
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["version", "default", "rules", "rate", "fixed_target", "host"]),
                inner,
            )
        ),
    ).map(json.dumps)
)
def test_no_manifest_raises(text: str) -> None:
    parse(text).sampled(REQUEST, 0, lambda: 1)
