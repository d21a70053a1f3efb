"""What OTLP's two encodings agree on, without importing either."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autotrace.span import Span

INT64 = range(-(2**63), 2**63)
_SAMPLED = 0x01
_RANDOM = 0x02
_REMOTE_IS_KNOWN = 0x100
_PARENT_IS_REMOTE = 0x200


def flags(span: Span) -> int:
    """The W3C flags, and whether the parent is remote; a span that is exported is sampled."""
    return (
        _SAMPLED
        | (_RANDOM if span.random else 0)
        | _REMOTE_IS_KNOWN
        | (_PARENT_IS_REMOTE if span.parent_is_remote else 0)
    )
