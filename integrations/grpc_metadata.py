"""gRPC's metadata as headers, in both directions, once for its servers and clients.

The core works on text. Values under keys that end in `-bin` are bytes in Python and base64 on the
wire; the core sees them as they are on the wire.
https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
"""

from __future__ import annotations

import re
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterable
from typing import Any

from autotrace.integration import Outbound

Metadatum = tuple[Any, Any]

_BINARY = "-bin"
# One key or value outside of these, and gRPC does not send the whole call.
_is_key = re.compile(r"[a-z0-9_.-]+").fullmatch


def headers(metadata: Iterable[Metadatum] | None) -> list[tuple[str, str]]:
    """The metadata of a message that arrived."""
    return [pair if type(pair[1]) is str else (pair[0], _text(pair[1])) for pair in metadata or ()]


def replaced(metadata: Iterable[Metadatum] | None, outbound: Outbound) -> tuple[Metadatum, ...]:
    """Metadata with the headers of an exchange, in place of all under the same keys.

    Keys are compared as they are: gRPC refuses those in upper case, and shall go on doing so.
    """
    ours = [_sent(name, value) for name, value in outbound.pairs if _is_sendable(name, value)]
    if not metadata:
        return tuple(ours)
    return (*[pair for pair in metadata if not outbound.replaces(pair[0])], *ours)


def _is_sendable(name: str, value: str) -> bool:
    # What arrived by HTTP may hold what HTTP allows beyond gRPC: tabs, and more in names.
    return value.isascii() and value.isprintable() and _is_key(name) is not None


def _sent(name: str, value: str) -> Metadatum:
    return (name, _bytes(value)) if name.endswith(_BINARY) else (name, value)


def _text(value: bytes) -> str:
    return b2a_base64(value, newline=False).decode("ascii").rstrip("=")


def _bytes(value: str) -> bytes:
    return a2b_base64(value.rstrip("=") + "==")
