"""`grpc-trace-bin`, by OpenCensus' specification; over HTTP as Envoy writes it."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace.propagation import grpcbin
from tests.propagation_spans import Outgoing, known

# The example of the specification.
TRACE = "404142434445464748494a4b4c4d4e4f"
SPAN = "6162636465666768"
EXAMPLE = bytes.fromhex(f"0000{TRACE}01{SPAN}0201")
TEXT = "AABAQUJDREVGR0hJSktMTU5PAWFiY2RlZmdoAgE"
NARROW = "64fe8b2a57d3eff7"


@pytest.mark.parametrize(
    ("data", "sampled"),
    [
        (EXAMPLE, 1),
        (EXAMPLE[:-1] + b"\x00", 0),
        # Only bit 0 has a meaning.
        (EXAMPLE[:-1] + b"\xfe", 0),
        (EXAMPLE[:-1] + b"\xff", 1),
        (EXAMPLE[:-2], None),
        # What a later version appends.
        (EXAMPLE + b"\x03more", 1),
        (EXAMPLE[:-2] + b"\x03more", None),
    ],
)
def test_from_bytes(data: bytes, sampled: int | None) -> None:
    incoming = grpcbin.from_bytes(data)
    assert incoming is not None
    assert (incoming.trace_id, incoming.span_id, incoming.sampled) == (TRACE, SPAN, sampled)
    assert (incoming.format, incoming.parent_id) == ("grpcbin", "")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        EXAMPLE[:-1],
        EXAMPLE[:-3],
        EXAMPLE[:18],
        b"\x01" + EXAMPLE[1:],
        b"\x00\x01" + EXAMPLE[2:],
        EXAMPLE[:18] + b"\x02" + EXAMPLE[19:],
        EXAMPLE[:2] + bytes(16) + EXAMPLE[18:],
        EXAMPLE[:19] + bytes(8) + EXAMPLE[27:],
        bytes(29),
    ],
)
def test_malformed_bytes_are_ignored(data: bytes) -> None:
    assert grpcbin.from_bytes(data) is None


@pytest.mark.parametrize("value", [TEXT, TEXT + "=", b64encode(EXAMPLE).decode()])
def test_extract_with_and_without_padding(value: str) -> None:
    incoming = grpcbin.extract(known(grpc_trace_bin=value))
    assert incoming is not None
    assert (incoming.trace_id, incoming.span_id, incoming.sampled) == (TRACE, SPAN, 1)


def test_extract_in_the_other_alphabet() -> None:
    data = EXAMPLE[:2] + b"\xfb" * 16 + EXAMPLE[18:]
    value = urlsafe_b64encode(data).decode()
    assert "-" in value
    incoming = grpcbin.extract(known(grpc_trace_bin=value))
    assert incoming is not None
    assert incoming.trace_id == "fb" * 16


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        "=",
        TEXT[:-2],
        TEXT[:-1] + "F",
        TEXT[:5] + " " + TEXT[5:],
        f"{TEXT},{TEXT}",
        TEXT[:5] + "!" + TEXT[6:],
        EXAMPLE.decode("latin-1"),
        "\xe9" * 39,
        "\u0661" * 39,
        "A" * 100_000,
    ],
)
def test_malformed_text_is_ignored(value: str) -> None:
    assert grpcbin.extract(known(grpc_trace_bin=value)) is None


def test_absent() -> None:
    assert grpcbin.extract(known()) is None


@pytest.mark.parametrize(
    ("span", "data"),
    [
        (Outgoing(TRACE, SPAN, "", 1), EXAMPLE),
        (Outgoing(TRACE, SPAN, "", 2), EXAMPLE),
        (Outgoing(TRACE, SPAN, "", 0), EXAMPLE[:-1] + b"\x00"),
        (Outgoing(TRACE, SPAN, "", None), EXAMPLE[:-1] + b"\x00"),
        (
            Outgoing(NARROW, SPAN, "", 1),
            EXAMPLE[:2] + bytes(8) + bytes.fromhex(NARROW) + EXAMPLE[18:],
        ),
    ],
)
def test_to_bytes(span: Outgoing, data: bytes) -> None:
    assert grpcbin.to_bytes(span) == data


def test_inject_writes_no_padding() -> None:
    assert grpcbin.inject(Outgoing(TRACE, SPAN, "", 1)) == (("grpc-trace-bin", TEXT),)


@given(st.binary(max_size=64) | st.binary(min_size=27, max_size=33).map(EXAMPLE[:2].__add__))
def test_no_bytes_raise(data: bytes) -> None:
    grpcbin.from_bytes(data)
