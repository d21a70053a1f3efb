"""Protobuf messages, as much of them as one small header needs.

https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator

# Wire types: the low three bits of a field's key, above which its number stands.
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

_LONGEST_VARINT = 10


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message by key, in their order; raises ValueError where it is none."""
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        kind = key & 7
        if kind == VARINT:
            number, at = _varint(data, at)
            yield key, number
            continue
        if kind == FIXED64:
            size = 8
        elif kind == BYTES:
            size, at = _varint(data, at)
        elif kind == FIXED32:
            size = 4
        else:
            # Groups are older than any header.
            raise ValueError(kind)
        if size > end - at:
            raise ValueError(size)
        part = data[at : at + size]
        yield key, part if kind == BYTES else int.from_bytes(part, "little")
        at += size


def sized(data: bytes) -> bytes:
    """`data` behind its length, as a field of bytes has it."""
    size = len(data)
    digits = bytearray()
    while size > 0x7F:
        digits.append(size & 0x7F | 0x80)
        size >>= 7
    digits.append(size)
    return bytes(digits) + data


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number and where the next thing begins."""
    value = 0
    for place, byte in enumerate(data[at : at + _LONGEST_VARINT]):
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    raise ValueError(at)
