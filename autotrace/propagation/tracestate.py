"""What may stand in W3C's `tracestate`, checked when it is sent on or looked at.

https://www.w3.org/TR/trace-context-2/#tracestate-header
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from autotrace.propagation.values import MAX_LENGTH, acceptable

MAX_MEMBERS = 32

_MAX_VALUE = 256
_key = re.compile("[a-z0-9][a-z0-9_*/@-]{0,255}").fullmatch
# One look is nearly always enough; a no is not final, since there may be blanks.
_member = f"[a-z0-9][a-z0-9_*/@-]{{0,255}}=[!-+\\--<>-~]{{1,{_MAX_VALUE}}}"
_usual = re.compile(f"{_member}(?:,{_member}){{0,{MAX_MEMBERS - 1}}}").fullmatch
# Few vendors exist, so what a key may be is looked at once for each.
_keys: set[str] = set()
_MAX_KEYS = 256


def tracestate(values: Sequence[str]) -> str:
    """The `tracestate` to send on: all its headers in one, or nothing if it breaks the rules.

    Of a key that is there twice both members stay, as the specification allows.
    """
    text = values[0] if len(values) == 1 else ",".join(values)
    if len(text) <= MAX_LENGTH and _usual(text):
        return text
    if "=" not in text or not acceptable(text):
        return ""
    # Members may be empty, but not without end.
    items = text.split(",", 2 * MAX_MEMBERS)
    if len(items) > 2 * MAX_MEMBERS:
        return ""
    count = 0
    for item in items:
        key, equals, value = item.strip(" \t").partition("=")
        if not equals and not key:
            continue
        if key not in _keys and not _is_key(key):
            return ""
        if not value or len(value) > _MAX_VALUE or "=" in value or "\t" in value:
            return ""
        count += 1
    return text if count <= MAX_MEMBERS else ""


def _is_key(key: str) -> bool:
    if _key(key) is None:
        return False
    if len(_keys) >= _MAX_KEYS:
        _keys.clear()
    _keys.add(key)
    return True
