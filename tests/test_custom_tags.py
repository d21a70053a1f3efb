"""Custom tags by Envoy's rules."""

from __future__ import annotations

from typing import Any

import pytest
from spans import server_span

from autotrace.custom_tags import custom_tags, header_names
from autotrace.tags import Reading


def tags(entries: list[dict[str, Any]], environ: dict[str, str], headers: dict[str, str]) -> Any:
    reading = Reading(custom=custom_tags(entries, environ), include=["t", "u"])
    return dict(server_span(reading, custom_headers=headers).tags())


ENVIRONMENT = {"tag": "t", "environment": {"name": "VAR", "default_value": "default"}}
HEADER = {"tag": "t", "request_header": {"name": "X-Name", "default_value": "default"}}


@pytest.mark.parametrize(
    ("entry", "environ", "headers", "expected"),
    [
        ({"tag": "t", "literal": {"value": "text"}}, {}, {}, {"t": "text"}),
        (ENVIRONMENT, {"VAR": "set"}, {}, {"t": "set"}),
        (ENVIRONMENT, {}, {}, {"t": "default"}),
        (ENVIRONMENT, {"VAR": ""}, {}, {}),
        ({"tag": "t", "environment": {"name": "VAR"}}, {}, {}, {}),
        (HEADER, {}, {"x-name": "value"}, {"t": "value"}),
        (HEADER, {}, {}, {"t": "default"}),
        (HEADER, {}, {"x-name": ""}, {}),
    ],
)
def test_sources(
    entry: dict[str, Any], environ: dict[str, str], headers: dict[str, str], expected: object
) -> None:
    assert tags([entry], environ, headers) == expected


def test_of_equal_names_the_first_counts() -> None:
    entries = [{"tag": "t", "literal": {"value": str(i)}} for i in (1, 2)]
    assert tags(entries, {}, {}) == {"t": "1"}


def test_the_headers_that_are_read_are_known() -> None:
    assert header_names([HEADER, ENVIRONMENT]) == ("x-name",)
