"""`x-ot-span-context`, by what the Lightstep library writes and reads."""

from __future__ import annotations

from base64 import b64decode, b64encode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace.propagation import ot
from autotrace.propagation.values import acceptable
from tests.propagation_spans import Outgoing, known

TRACE = "123456789abcdef0"
SPAN = "0fedcba987654321"
# Encoded by protobuf itself.
SAMPLED = "EhQJ8N68mnhWNBIRIUNlh6nL7Q8YAQ=="
WITH_BAGGAGE = "EiAJ8N68mnhWNBIRIUNlh6nL7Q8YASIKCgR1c2VyEgJ1MQ=="
WIDE = "4bf92f3577b34da6" + TRACE
IDS = bytes.fromhex("09f0debc9a78563412112143" + "6587a9cbed0f")


def carrier(context: bytes, behind: bytes = b"") -> str:
    """The header of a carrier with this context, and with fields behind it."""
    return b64encode(b"\x12" + bytes([len(context)]) + context + behind).decode()


@pytest.mark.parametrize(
    ("value", "sampled"),
    [
        (SAMPLED, 1),
        (WITH_BAGGAGE, 1),
        (carrier(IDS), 0),
        (carrier(IDS + b"\x18\x00"), 0),
        (carrier(IDS + b"\x18\x01\x18\x00"), 0),
        # Any number but 0 is true.
        (carrier(IDS + b"\x18\x80\x02"), 1),
        # Spellings of base64.
        (SAMPLED.rstrip("="), 1),
        (urlsafe_b64encode(b64decode(carrier(IDS + b"\x22\x05\x0a\x03\xff\xef\xbe"))).decode(), 0),
        # The old text context before it, and fields that nobody knows yet.
        (b64encode(b"\x0a\x03abc" + b64decode(SAMPLED)).decode(), 1),
        (carrier(IDS, b"\x18\x07\x21abcdefgh\x2dabcd\x32\x01a"), 0),
        (carrier(IDS + b"\x28\x07\x31abcdefgh\x3dabcd\x42\x01a"), 0),
        # In two parts, which protobuf joins.
        (b64encode(b"\x12\x09" + IDS[:9] + b"\x12\x09" + IDS[9:]).decode(), 0),
    ],
)
def test_extract(value: str, sampled: int) -> None:
    incoming = ot.extract(known(x_ot_span_context=value))
    assert incoming is not None
    assert (incoming.trace_id, incoming.span_id, incoming.sampled) == (TRACE, SPAN, sampled)
    assert (incoming.format, incoming.parent_id, incoming.tracestate) == ("ot", "", "")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "notvalidcontext",
        "=",
        "====",
        "\xe9",
        "\u0661",
        SAMPLED[:-3],
        SAMPLED[:12] + " " + SAMPLED[12:],
        "*" + SAMPLED,
        # A context without ids, or with zeros.
        carrier(b""),
        carrier(IDS[:9]),
        carrier(IDS[9:]),
        carrier(b"\x09" + bytes(8) + IDS[9:]),
        carrier(IDS[:9] + b"\x11" + bytes(8)),
        # Ids that are no eight bytes.
        carrier(b"\x08\x01\x10\x02"),
        carrier(b"\x0d\x01\x00\x00\x00" + IDS[9:]),
        carrier(b"\x0a\x01a" + IDS[9:]),
        # Cut off, and longer than it is.
        carrier(IDS[:-1]),
        b64encode(b"\x12\x7f" + IDS).decode(),
        b64encode(b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" + IDS).decode(),
        carrier(IDS, b"\x80"),
        # A group, and baggage that is no message.
        carrier(IDS, b"\x0b\x0c"),
        carrier(IDS + b"\x22\x02\x0a\x7f"),
        "EhQJ" * 10_000,
    ],
)
def test_malformed_is_ignored(value: str) -> None:
    assert ot.extract(known(x_ot_span_context=value)) is None


def test_absent() -> None:
    assert ot.extract(known()) is None


@pytest.mark.parametrize(
    ("span", "value"),
    [
        (Outgoing(TRACE, SPAN, "", 1), SAMPLED),
        (Outgoing(TRACE, SPAN, "", 2), SAMPLED),
        # The right half of 128 bits.
        (Outgoing(WIDE, SPAN, "", 1), SAMPLED),
        # Protobuf leaves out what is false.
        (Outgoing(TRACE, SPAN, "", 0), carrier(IDS)),
        (Outgoing(TRACE, SPAN, "", None), carrier(IDS)),
    ],
)
def test_inject(span: Outgoing, value: str) -> None:
    assert ot.inject(span) == (("x-ot-span-context", value),)


def test_an_id_whose_right_half_is_nothing_is_not_sent() -> None:
    assert ot.inject(Outgoing(TRACE + "0" * 16, SPAN, "", 1)) == ()


def test_baggage_is_kept() -> None:
    arrived = known(x_ot_span_context=WITH_BAGGAGE)
    assert ot.inject(Outgoing(TRACE, SPAN, "", 1), arrived) == (
        ("x-ot-span-context", WITH_BAGGAGE),
    )
    (sent,) = ot.inject(Outgoing(TRACE, "00000000000000ff", "", 0), arrived)
    assert ot.baggage(known(x_ot_span_context=sent[1])) == {"user": "u1"}


def test_baggage_is_not_made_of_what_is_malformed() -> None:
    for value in ("", "notvalidcontext", carrier(IDS + b"\x22\x02\x0a\x7f")):
        arrived = known(x_ot_span_context=value)
        assert ot.inject(Outgoing(TRACE, SPAN, "", 1), arrived)[0][1] == SAMPLED


def test_long_baggage_is_kept_as_far_as_a_header_may_be_long() -> None:
    for length, kept in ((200, True), (6000, True), (6100, True), (6120, False)):
        size = bytes([length & 0x7F | 0x80, length >> 7])
        item = b"\x0a\x01k\x12" + size + b"v" * length
        size = bytes([len(item) & 0x7F | 0x80, len(item) >> 7])
        # Without ids, so that there is less room for it afterwards.
        context = b"\x22" + size + item
        size = bytes([len(context) & 0x7F | 0x80, len(context) >> 7])
        arrived = known(x_ot_span_context=b64encode(b"\x12" + size + context).decode())
        ((name, value),) = ot.inject(Outgoing(TRACE, SPAN, "", 1), arrived)
        assert acceptable(value)
        assert bool(ot.baggage(known(**{name: value}))) is kept


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (b"\x0a\x01k\x12\x01v", {"k": "v"}),
        (b"\x12\x01v\x0a\x01k", {"k": "v"}),
        (b"\x0a\x01k", {"k": ""}),
        (b"", {"": ""}),
        (b"\x0a\x01\xff\x12\x02\xc3\xa9", {"\ufffd": "\xe9"}),
        (b"\x08\x01\x12\x01v", {"": "v"}),
    ],
)
def test_baggage(item: bytes, expected: dict[str, str]) -> None:
    value = carrier(IDS + b"\x22" + bytes([len(item)]) + item)
    assert ot.baggage(known(x_ot_span_context=value)) == expected


@given(st.binary(max_size=200))
def test_no_bytes_raise(data: bytes) -> None:
    for value in (b64encode(data), b64encode(b"\x12" + bytes([len(data) & 0x7F]) + data)):
        arrived = known(x_ot_span_context=value.decode())
        ot.extract(arrived)
        ot.baggage(arrived)
        ot.inject(Outgoing(TRACE, SPAN, "", 1), arrived)


def test_baggage_is_set() -> None:
    items = {"user": "u1"}
    assert ot.with_baggage(SAMPLED, items) == WITH_BAGGAGE
    assert ot.with_baggage(WITH_BAGGAGE, {}) == SAMPLED
    value = ot.with_baggage(carrier(IDS), {"\xe9": "\u20ac", "half": "\ud800"})
    assert ot.baggage(known(x_ot_span_context=value)) == {"\xe9": "\u20ac", "half": "?"}


def test_baggage_that_is_too_long_is_not_set() -> None:
    assert ot.with_baggage(SAMPLED, {"k": "v" * 7000}) == SAMPLED
    assert ot.with_baggage("x", {"k": "v"}) == "x"
