"""Protobuf's wire format, for messages with so few fields that no library is worth its loading.

https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import struct

_VARINT, _FIXED64, _BYTES = 0, 1, 2
_64_BITS = 2**64 - 1
# Keys of fields and most lengths: made once.
_SHORT = [bytes((value,)) for value in range(128)]


def number(field: int, value: int) -> bytes:
    """An int32, int64, enum or bool; a negative one is written as its 64 bits."""
    return _varint(field << 3 | _VARINT) + _varint(value & _64_BITS)


def fixed64(field: int, value: int) -> bytes:
    """A fixed64."""
    return _varint(field << 3 | _FIXED64) + struct.pack("<Q", value)


def text(field: int, value: str) -> bytes:
    """A string; what UTF-8 cannot hold, such as a header's stray byte, becomes a question mark."""
    return sized(field, value.encode("utf-8", "replace"))


def sized(field: int, value: bytes) -> bytes:
    """Bytes, or a message."""
    return _varint(field << 3 | _BYTES) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    """The number in groups of seven bits, the lowest first."""
    if value < 128:
        return _SHORT[value]
    groups = bytearray()
    while value > 127:
        groups.append(value & 127 | 128)
        value >>= 7
    groups.append(value)
    return bytes(groups)
