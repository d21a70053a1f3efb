"""W3C Baggage: `baggage: key=value;property,key=value`.

What is only carried stays as it came, properties included; it is taken apart when the program asks
for it through OpenTelemetry's API, and made anew when the program changed it.

https://www.w3.org/TR/baggage/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from autotrace.propagation.values import MAX_LENGTH, acceptable

if TYPE_CHECKING:
    from autotrace.headers import Known

BAGGAGE = "baggage"
HEADERS = (BAGGAGE,)
MAX_MEMBERS = 64

_KEY_CHARACTERS = frozenset(
    "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)
# The octets that a value may hold unescaped, besides letters and digits; not "%", which escapes.
_VALUE_CHARACTERS = "!#$&'()*+-./:<=>?@[]^_`{|}~"


def carried(known: Known) -> str:
    """All baggage that arrived, as it came; empty without any or if it may not be sent on."""
    if BAGGAGE not in known:
        return ""
    values = known.all(BAGGAGE)
    text = values[0] if len(values) == 1 else ",".join(values)
    return text if acceptable(text) else ""


def parse(text: str) -> dict[str, str]:
    """The entries by key, values decoded; what is malformed or too much is left out."""
    entries: dict[str, str] = {}
    for member in _members(text):
        key, value = _entry(member)
        if key:
            entries[key] = value
    return entries


def encode(entries: Mapping[str, object]) -> str:
    """The header for these entries; those that have no legal key or no room are left out."""
    return _join([_encoded(key, value) for key, value in entries.items()])


def merge(raw: str, changes: Mapping[str, object]) -> str:
    """`raw` with some entries set, or removed by None; the others stay as they came."""
    kept = [member for member in _members(raw) if _entry(member)[0] not in changes]
    changed = [_encoded(key, value) for key, value in changes.items() if value is not None]
    # It is not the program's own that have no room.
    return _join([*kept[: max(0, MAX_MEMBERS - len(changed))], *changed])


def _members(text: str) -> list[str]:
    if not text or not acceptable(text):
        return []
    items = text.split(",", MAX_MEMBERS)[:MAX_MEMBERS]
    return [member for item in items if (member := item.strip(" \t"))]


def _entry(member: str) -> tuple[str, str]:
    """Key and decoded value of one member without its properties; an empty key if malformed."""
    key, equals, value = member.partition(";")[0].partition("=")
    key = key.strip(" \t")
    if not equals or not _is_key(key):
        return "", ""
    return key, unquote(value.strip(" \t"))


def _is_key(key: object) -> bool:
    return isinstance(key, str) and bool(key) and _KEY_CHARACTERS.issuperset(key)


def _encoded(key: str, value: object) -> str:
    if not _is_key(key):
        return ""
    # Half of a surrogate pair cannot be encoded, and must not raise.
    return f"{key}={quote(str(value), safe=_VALUE_CHARACTERS, errors='replace')}"


def _join(members: list[str]) -> str:
    fitting: list[str] = []
    room = MAX_LENGTH + 1
    for member in members:
        if member and len(member) < room and len(fitting) < MAX_MEMBERS:
            fitting.append(member)
            room -= len(member) + 1
    return ",".join(fitting)
