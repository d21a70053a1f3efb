"""The request id: its form, its integer and the reason packed into it."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace import request_id
from autotrace.request_id import (
    CLIENT_FORCED,
    NOT_TRACEABLE,
    SAMPLING,
    SERVICE_FORCED,
    generate,
    get_reason,
    kept,
    response,
    set_reason,
    to_integer,
)

PLAIN = "f4dca0a9-12c7-4307-8002-969403baf480"
BITS = st.integers(0, 2**128 - 1)


@given(BITS)
def test_a_generated_id_is_a_uuid_of_version_4(bits: int) -> None:
    made = generate(bits)
    assert str(uuid.UUID(made)) == made
    assert uuid.UUID(made).version == 4
    assert uuid.UUID(made) == uuid.UUID(int=bits, version=4)


@given(BITS, st.sampled_from([NOT_TRACEABLE, SAMPLING, SERVICE_FORCED, CLIENT_FORCED]))
def test_generating_with_a_reason_is_packing_it(bits: int, reason: str) -> None:
    assert generate(bits, reason) == set_reason(generate(bits), reason)
    assert get_reason(generate(bits, reason)) == reason


@given(BITS)
def test_the_integer_of_a_generated_id_is_its_top_32_bits(bits: int) -> None:
    assert to_integer(generate(bits)) == bits >> 96


@pytest.mark.parametrize(
    ("value", "integer"),
    [
        ("", None),
        ("bb", None),
        ("fffffff", None),
        ("ffffffff", 4294967295),
        ("ffffffff-0012-0110-00ff-0c00400600ff", 4294967295),
        ("FFFFFFFF", 4294967295),
        ("fffffffz-0012-0110-00ff-0c00400600ff", None),
        ("00000001-0000-0000-0000-000000000000", 1),
        ("000000ff-0000-0000-0000-000000000000", 255),
        ("125a4afb-6f55-44ba-ad80-413f09f48a28", 307907323),
        ("125a4afb-6f55-a4ba-ad80-413f09f48a28", 307907323),
        ("cafebabe-anything goes", 3405691582),
        ("order-4711", None),
        # What `int` would take.
        ("0x123456", None),
        ("+1234567", None),
        ("1234_567", None),
        (" 1234567", None),
        ("12 34 56", None),
        ("1234567 ", None),
        ("١٢٣٤٥٦٧٨", None),
    ],
)
def test_to_integer(value: str, integer: int | None) -> None:
    assert to_integer(value) == integer


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (PLAIN, NOT_TRACEABLE),
        ("f4dca0a9-12c7-9307-8002-969403baf480", SAMPLING),
        ("f4dca0a9-12c7-a307-8002-969403baf480", SERVICE_FORCED),
        ("f4dca0a9-12c7-b307-8002-969403baf480", CLIENT_FORCED),
        ("f4dca0a9-12c7-A307-8002-969403baf480", NOT_TRACEABLE),
        ("f4dca0a9-12c7-7307-8002-969403baf480", NOT_TRACEABLE),
        ("f4dca0a9-12c7-9307-8002-969403baf48", NOT_TRACEABLE),
        ("f4dca0a9-12c7-9307-8002-969403baf4800", NOT_TRACEABLE),
        ("", NOT_TRACEABLE),
        ("abcdefghijklmnbpqrstuvwxyz0123456789", CLIENT_FORCED),
    ],
)
def test_get_reason(value: str, reason: str) -> None:
    assert get_reason(value) == reason


def test_the_characters_are_envoys() -> None:
    assert (NOT_TRACEABLE, SAMPLING, SERVICE_FORCED, CLIENT_FORCED) == ("4", "9", "a", "b")


@pytest.mark.parametrize(
    ("value", "reason", "packed"),
    [
        (PLAIN, SAMPLING, "f4dca0a9-12c7-9307-8002-969403baf480"),
        ("f4dca0a9-12c7-a307-8002-969403baf480", NOT_TRACEABLE, PLAIN),
        ("f4dca0a9-12c7-7307-8002-969403baf480", SAMPLING, "f4dca0a9-12c7-9307-8002-969403baf480"),
        ("", SERVICE_FORCED, ""),
        ("my-request-id", SAMPLING, "my-request-id"),
    ],
)
def test_set_reason(value: str, reason: str, packed: str) -> None:
    assert set_reason(value, reason) == packed


FORCED = PLAIN.replace("-4", "-a", 1)


@pytest.mark.parametrize(
    ("given", "edge", "generates", "preserves", "packs", "remains"),
    [
        (FORCED, False, True, False, True, FORCED),
        (FORCED, True, True, False, True, ""),
        # An outsider cannot smuggle a reason in.
        (FORCED, True, True, True, True, PLAIN),
        (FORCED, True, True, True, False, FORCED),
        ("my-request-id", True, True, True, True, "my-request-id"),
        # Where none is made, none is replaced.
        (FORCED, True, False, False, True, FORCED),
        (FORCED, True, False, True, True, FORCED),
        ("", True, True, True, True, ""),
        ("", False, True, False, True, ""),
    ],
)
def test_what_remains_of_an_id_that_arrived(
    given: str, edge: bool, generates: bool, preserves: bool, packs: bool, remains: str
) -> None:
    assert kept(given, edge, generates, preserves, packs) == remains


@pytest.mark.parametrize(
    ("given", "always", "forced", "told"),
    [
        (PLAIN, True, False, PLAIN),
        (PLAIN, False, True, PLAIN),
        (PLAIN, False, False, None),
        ("", True, False, ""),
        (None, True, True, None),
    ],
)
def test_the_response_tells_the_id_always_or_to_who_forced_the_trace(
    given: str | None, always: bool, forced: bool, told: str | None
) -> None:
    assert response(given, always, forced) == told


def test_without_packing_no_reason_is_read_or_written() -> None:
    assert get_reason(FORCED, packs=False) == NOT_TRACEABLE
    assert set_reason(PLAIN, SAMPLING, packs=False) == PLAIN


@given(st.text())
def test_no_text_raises(text: str) -> None:
    request_id.to_integer(text)
    request_id.get_reason(text)
    request_id.set_reason(text, SAMPLING)
