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
    admitted,
    generate,
    get_reason,
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


@pytest.mark.parametrize(
    ("preserve", "pack", "remains"),
    [(False, True, ""), (True, True, PLAIN), (True, False, PLAIN.replace("-4", "-a", 1))],
)
def test_an_outsider_cannot_smuggle_a_reason_in(preserve: bool, pack: bool, remains: str) -> None:
    assert admitted("f4dca0a9-12c7-a307-8002-969403baf480", preserve, pack) == remains


@given(st.text())
def test_no_text_raises(text: str) -> None:
    request_id.to_integer(text)
    request_id.get_reason(text)
    request_id.set_reason(text, SAMPLING)
