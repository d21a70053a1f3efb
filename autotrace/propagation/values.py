"""Checks on header values that strangers sent."""

from __future__ import annotations

# Longer than any sane tracing header; also the limit that W3C gives for baggage.
MAX_LENGTH = 8192

_from_hex = bytes.fromhex


def acceptable(value: str) -> bool:
    """Whether a value may be sent on: short enough, visible ASCII, blanks and tabs."""
    return (
        len(value) <= MAX_LENGTH
        and value.isascii()
        and (value.isprintable() or value.replace("\t", "").isprintable())
    )


def lower_hex(digits: str) -> str:
    """`digits` in lower case if they are hex digits, an even number of them, else nothing."""
    try:
        # `int` would take signs, underscores and "0x". `fromhex` skips blanks, so the text made
        # of its result is compared by length.
        lower = _from_hex(digits).hex()
    except ValueError:
        return ""
    return lower if len(lower) == len(digits) else ""
