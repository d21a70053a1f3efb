"""Attribute values as text, for formats whose tags are strings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


def text(value: object) -> str:
    """The value as Zipkin and Envoy write it: bare text, `true`/`false`, decimal or JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, (Mapping, Sequence)):
        return json_text(value)
    return str(value)


def plain(value: object) -> Any:
    """The value made of what JSON knows; anything else becomes text, NaN and infinity too."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        # NaN and Infinity are not JSON, though Python writes them.
        return value if value - value == 0 else str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [plain(each) for each in value]
    return text(value)


def cut(value: str, limit: int) -> str:
    """The beginning of a text, of at most so many bytes of UTF-8."""
    # A character has four bytes at most, so that most texts need not be encoded to be measured.
    if len(value) * 4 <= limit:
        return value
    data = value.encode("utf-8", "replace")
    return value if len(data) <= limit else data[:limit].decode("utf-8", "ignore")


def json_text(value: object) -> str:
    """JSON of what may hold anything."""
    return json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"))


def json_bytes(value: object) -> bytes:
    """JSON in UTF-8; lone surrogates, which strict receivers refuse, become question marks."""
    written = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return written.encode("utf-8", "replace")
