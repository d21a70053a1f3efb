"""W3C Baggage: carried as it came, and made anew only where the program changed it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace.propagation import baggage
from tests.propagation_spans import known


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("", {}),
        (
            "key1=value1;property1;property2, key2 = value2, key3=value3; property=value",
            {"key1": "value1", "key2": "value2", "key3": "value3"},
        ),
        ("userId=Am%C3%A9lie", {"userId": "Amélie"}),
        ("serverNode=DF28, isProduction=false", {"serverNode": "DF28", "isProduction": "false"}),
        ("SomeKey=SomeValue=equals", {"SomeKey": "SomeValue=equals"}),
        ("plus=a+b%20c", {"plus": "a+b c"}),
        ("empty=", {"empty": ""}),
        ("twice=1,twice=2", {"twice": "2"}),
        ("bad=%E9", {"bad": "\ufffd"}),
        # Malformed members are left out, the others kept.
        ("novalue,=nokey,k(=1,good=1,,", {"good": "1"}),
        ("a=1\r\nx: y", {}),
        ("a=\xe9", {}),
    ],
)
def test_parse(text: str, entries: dict[str, str]) -> None:
    assert baggage.parse(text) == entries


@pytest.mark.parametrize(
    ("entries", "text"),
    [
        ({}, ""),
        ({"userId": "Amélie"}, "userId=Am%C3%A9lie"),
        ({"a": "1", "b": 'x y,z;w"\\%'}, "a=1,b=x%20y%2Cz%3Bw%22%5C%25"),
        ({"a": "", "b": "="}, "a=,b=="),
        ({"n": 1}, "n=1"),
        ({"bad key": "1", "": "1", "é": "1", "k=": "1", "good": "1"}, "good=1"),
        ({"a": "1\r\nx: y"}, "a=1%0D%0Ax:%20y"),
        ({"a": "\ud800"}, "a=?"),
    ],
)
def test_encode(entries: dict[str, object], text: str) -> None:
    assert baggage.encode(entries) == text


def test_what_has_no_room_is_left_out() -> None:
    assert baggage.encode({"big": "x" * 8189}) == ""
    assert len(baggage.encode({"big": "x" * 8188})) == 8192
    assert baggage.encode({"a": "1", "big": "x" * 8188, "b": "2"}) == "a=1,b=2"
    many = baggage.encode({f"k{number}": number for number in range(100)})
    assert many.count(",") == 63


@pytest.mark.parametrize(
    ("raw", "changes", "text"),
    [
        ("a=1;p=q, b=%20", {}, "a=1;p=q,b=%20"),
        ("a=1;p=q,b=%20", {"c": "x y"}, "a=1;p=q,b=%20,c=x%20y"),
        ("a=1;p=q,b=2", {"a": "3"}, "b=2,a=3"),
        ("a=1;p=q,b=2", {"a": None}, "b=2"),
        ("a=1", {"a": None}, ""),
        ("a=1", {"z": None}, "a=1"),
        ("", {"a": "1"}, "a=1"),
        ("a=1\r\n", {"b": "1"}, "b=1"),
    ],
)
def test_merge_leaves_alone_what_is_not_changed(
    raw: str, changes: dict[str, object], text: str
) -> None:
    assert baggage.merge(raw, changes) == text


def test_carried_as_it_came() -> None:
    text = "a=1 ; p=q,\tb = %zz ,c"
    assert baggage.carried(known(baggage=text)) == text


def test_several_headers_are_one() -> None:
    headers = known(baggage="a=1")
    headers.repeated = (("baggage", "b=2"), ("tracestate", "c=3"))
    assert baggage.carried(headers) == "a=1,b=2"


@pytest.mark.parametrize("text", ["", "a=\xe9", "a=1\r\nb: c", "a=\x00", "a=" + "x" * 8191])
def test_what_may_not_be_sent_on_is_not_carried(text: str) -> None:
    assert baggage.carried(known(baggage=text)) == ""


KEYS = st.text(alphabet="abcXYZ019!#$%&'*+-.^_`|~", min_size=1, max_size=12)
VALUES = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.dictionaries(KEYS, VALUES, max_size=30))
def test_what_is_encoded_is_parsed(entries: dict[str, str]) -> None:
    assert baggage.parse(baggage.encode(entries)) == entries


@given(st.text(), st.dictionaries(st.text(), st.text() | st.none()))
def test_no_text_raises(text: str, entries: dict[str, str | None]) -> None:
    baggage.parse(text)
    merged = baggage.merge(text, entries)
    assert merged.isascii()
    assert merged.isprintable() or "\t" in merged
    assert len(merged) <= 8192


def test_what_the_program_sets_has_room_among_all_that_arrived() -> None:
    raw = ",".join(f"k{number}=v" for number in range(64))
    members = baggage.merge(raw, {"mine": "1"}).split(",")
    assert (len(members), members[0], members[-1]) == (64, "k0=v", "mine=1")


def test_a_key_that_is_no_text_is_left_out() -> None:
    entries: Any = {5: "x", "a": "b"}
    assert baggage.encode(entries) == "a=b"
