"""The grammar of Envoy's format strings."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace.config import format_string as config
from autotrace.config.problem import Invalid
from autotrace.format_grammar import (
    COMMANDS,
    EMPTY,
    REQUEST,
    RESPONSE,
    TRAILERS,
    Command,
    Malformed,
    headers,
    parse,
)


def parts(text: str) -> list[Any]:
    return [
        (part.name, part.argument, part.length) if isinstance(part, Command) else part
        for part in parse(text)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("plain", ["plain"]),
        ("%%", ["%"]),
        ("100%% of %ROUTE%", ["100", "%", " of ", ("ROUTE", None, None)]),
        ("%%%PROTOCOL%%%", ["%", ("PROTOCOL", None, None), "%"]),
        ("%REQ(X?Y):7%", [("REQ", "X?Y", 7)]),
        ("%START_TIME(%Y/%m)%", [("START_TIME", "%Y/%m", None)]),
        (
            "%REQ(:METHOD)% %REQ(A)%",
            [("REQ", ":METHOD", None), " ", ("REQ", "A", None)],
        ),
        ("%RESPONSE_CODE_DETAILS(ALLOW)%", [("RESPONSE_CODE_DETAILS", "ALLOW", None)]),
    ],
)
def test_formats(text: str, expected: list[Any]) -> None:
    assert parts(text) == expected


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("100%", '"%" is no command; a percent sign is "%%".'),
        ("%REQ(a", '"%REQ(a" is no command; a percent sign is "%%".'),
        ("%REQ(a):x%", '"%REQ(a):x%" is no command; a percent sign is "%%".'),
        ("%req(a)%", '"%req(a)%" is no command; a percent sign is "%%".'),
        ("%REQ%", '"REQ" needs an argument in brackets.'),
        ("%REQ()%", '"REQ" needs an argument in brackets.'),
        ("%REQ(a?b?c)%", '"REQ" takes one alternative header at most.'),
        ("%ROUTE(a)%", '"ROUTE" takes no argument.'),
        (
            "%METADATA(ROUT:ns)%",
            '"METADATA" is of one of DYNAMIC, CLUSTER, ROUTE, UPSTREAM_HOST, LISTENER, '
            "LISTENER_FILTER_CHAIN, VIRTUAL_HOST.",
        ),
        ("%COALESCE([])%", '"COALESCE" wants {"operators": [...]} in brackets.'),
        ("%RESPONSE_FLAG%", 'unknown command "RESPONSE_FLAG"; did you mean RESPONSE_FLAGS?'),
        (7, "a text is wanted, such as %REQ(:METHOD)% %ROUTE%."),
    ],
)
def test_a_format_with_a_fault_is_said_to_be_one(text: object, fault: str) -> None:
    with pytest.raises(Invalid) as raised:
        config.parse(text, lambda complaint: None)
    assert str(raised.value) == fault


def test_a_right_format_is_kept_as_it_is() -> None:
    assert config.parse("%REQ(:METHOD)% %ROUTE%", lambda complaint: None)


@given(st.text(alphabet="%REQ(ab?):1 ", max_size=30) | st.text())
def test_any_text_is_a_format_or_malformed(text: str) -> None:
    try:
        parse(text)
    except Malformed as fault:
        assert str(fault)


def test_the_header_names_that_a_format_reads() -> None:
    made = parse("%REQ(X-A?:PATH)% %REQUEST_HEADER(b):3% %RESP(C)% %TRAILER(D?E)% %ROUTE%")
    assert [*headers(made, REQUEST)] == ["x-a", ":path", "b"]
    assert [*headers(made, RESPONSE)] == ["c"]
    assert [*headers(made, TRAILERS)] == ["d", "e"]


def test_no_command_is_both_known_and_empty() -> None:
    assert not EMPTY & COMMANDS.keys()
