"""Times in Envoy's format strings."""

from __future__ import annotations

import pytest

from autotrace.format_time import local, utc

START = 1_527_590_590_528_123_456


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("", "2018-05-29T10:43:10.528Z"),
        ("%Y/%m/%dT%H:%M:%S", "2018/05/29T10:43:10"),
        ("%s", "1527590590"),
        ("%s.%3f", "1527590590.528"),
        ("%s.%6f", "1527590590.528123"),
        ("%s.%9f", "1527590590.528123456"),
        ("%f", "528123456"),
        ("%1f", "5"),
        # Not a fraction, since the sign is a sign.
        ("%%3f", "%3f"),
        ("no specifier", "no specifier"),
    ],
)
def test_formats(given: str, text: str) -> None:
    assert utc(START, given) == text
    if given in ("%s", "%f"):
        assert local(START, given) == text


@pytest.mark.parametrize("given", ["\0", "\ud800", "%", "%\xe4"])
def test_odd_formats_do_not_raise(given: str) -> None:
    assert isinstance(utc(START, given), str)
