"""One row of the table of settings: a dataclass field whose metadata says all else of it."""

from __future__ import annotations

from dataclasses import MISSING, Field, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from autotrace.config.values import Kind, Parse

PREFIX = "AUTOTRACE_"


def setting(
    default: object,
    kind: Kind,
    doc: str,
    *,
    otel: Sequence[str] | Mapping[str, Parse] = (),
    section: str = "",
    shown: str = "",
    secret: bool = False,
) -> Any:
    """Return a field of the table.

    `otel`: OTEL_* variables, the most telling last, with a parser where theirs differs;
    `section`: the heading that begins here; `shown`: the default in words where it is computed;
    `secret`: the value never stands in a message.
    """
    metadata = {
        "kind": kind,
        "doc": doc,
        "otel": otel if isinstance(otel, dict) else dict.fromkeys(otel, kind.parse),
        "section": section,
        "shown": shown,
        "secret": secret,
    }
    if isinstance(default, dict):
        return field(default_factory=dict, metadata=metadata)
    return field(default=default, metadata=metadata)


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return PREFIX + name.upper()


def default_of(row: Field[Any]) -> Any:
    """Return a setting's default value."""
    return {} if row.default is MISSING else row.default


def in_words(row: Field[Any], value: object) -> str:
    """Return a setting's value as its user would write it."""
    if row.metadata["shown"] and value == default_of(row):
        return str(row.metadata["shown"])
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return "" if value == {} else str(value)
