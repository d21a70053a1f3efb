"""Checks on header values that strangers sent."""

from __future__ import annotations

from collections.abc import Iterable

from autotrace.headers import MAX_LENGTH

__all__ = ["MAX_LENGTH", "acceptable", "all_acceptable", "lower_hex"]

_from_hex = bytes.fromhex


def acceptable(value: str) -> bool:
    """Whether a value may be sent on: short enough, visible ASCII, blanks and tabs."""
    return (
        len(value) <= MAX_LENGTH
        and value.isascii()
        and (value.isprintable() or value.replace("\t", "").isprintable())
    )


def all_acceptable(values: Iterable[str]) -> bool:
    """Whether all of them may be sent on, and are short together: one look, nearly always enough.

    A no is not final: quotes and tabs are refused here too.
    """
    text = "".join(values)
    # `repr` escapes all that is not visible ASCII, at a third of what `isprintable` costs.
    return len(text) <= MAX_LENGTH and text.isascii() and len(repr(text)) == len(text) + 2


def lower_hex(digits: str) -> str:
    """`digits` in lower case if they are hex digits, an even number of them, else nothing."""
    try:
        # `int` would take signs, underscores and "0x". `fromhex` skips blanks, so the text made
        # of its result is compared by length.
        lower = _from_hex(digits).hex()
    except ValueError:
        return ""
    return lower if len(lower) == len(digits) else ""
