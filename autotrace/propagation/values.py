"""Checks on header values that strangers sent."""

from __future__ import annotations

from collections.abc import Iterable

from autotrace.headers import MAX_LENGTH

__all__ = ["MAX_LENGTH", "acceptable", "all_acceptable", "lower_hex"]

_from_hex = bytes.fromhex

# Every character as it is, but those that may not be sent on.
_WITHOUT_CONTROLS = bytes(code if 32 <= code < 127 or code == 9 else 32 for code in range(256))


def acceptable(value: str) -> bool:
    """Whether a value may be sent on: short enough, visible ASCII, blanks and tabs."""
    return (
        len(value) <= MAX_LENGTH
        and value.isascii()
        and (value.isprintable() or value.replace("\t", "").isprintable())
    )


def all_acceptable(values: Iterable[str]) -> bool:
    """Whether all of them may be sent on, and are short together: one look, nearly always enough.

    A no is not final, as they may be too long together only.
    """
    text = "".join(values)
    if len(text) > MAX_LENGTH or not text.isascii():
        return False
    # At half of what `isprintable` costs.
    encoded = text.encode()
    return encoded.translate(_WITHOUT_CONTROLS) == encoded


def lower_hex(digits: str) -> str:
    """`digits` in lower case if they are hex digits, an even number of them, else nothing."""
    try:
        # `int` would take signs, underscores and "0x". `fromhex` skips blanks, so the text made
        # of its result is compared by length.
        lower = _from_hex(digits).hex()
    except ValueError:
        return ""
    return lower if len(lower) == len(digits) else ""
