"""MurmurHash64A, by which Dynatrace draws lots of a trace id.

https://github.com/aappleby/smhasher (`MurmurHash2.cpp`)
"""

from __future__ import annotations

_M = 0xC6A4A7935BD1E995
_R = 47
_MASK = 2**64 - 1
# That of libstdc++, which Envoy takes.
_SEED = 0xC70F6907


def murmur(data: bytes, seed: int = _SEED) -> int:
    """The 64 bits that the bytes come to."""
    found = seed ^ (len(data) * _M & _MASK)
    whole = len(data) & ~7
    for start in range(0, whole, 8):
        word = int.from_bytes(data[start : start + 8], "little") * _M & _MASK
        word = (word ^ (word >> _R)) * _M & _MASK
        found = (found ^ word) * _M & _MASK
    if whole < len(data):
        found = (found ^ int.from_bytes(data[whole:], "little")) * _M & _MASK
    found = (found ^ (found >> _R)) * _M & _MASK
    return found ^ (found >> _R)
