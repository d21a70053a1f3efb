"""gRPC's metadata as headers, in both directions, once for its servers and clients.

The core works on text. Values under keys that end in `-bin` are bytes in Python and base64 on the
wire; the core sees them as they are on the wire.
https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
"""

from __future__ import annotations

import re
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from autotrace import integration
from autotrace.integration import Outbound

Metadatum = tuple[Any, Any]
Metadata = Iterable[Metadatum] | None

_BINARY = "-bin"
# gRPC writes it itself, always.
_USER_AGENT = "user-agent"
# One key outside of these, or one value with more than visible ASCII and blanks, and gRPC does not
# send the whole call.
_is_key = re.compile(r"[a-z0-9_.-]+").fullmatch
_NOT_SENT, _TEXT, _BYTES = range(3)


def text(value: Any) -> str:
    """A value that arrived as it is on the wire."""
    return value if type(value) is str else b2a_base64(value, newline=False).decode().rstrip("=")


def kept(metadata: Metadata) -> dict[str, str]:
    """What somebody wants to know of the metadata of a response."""
    pairs = [(key, text(value)) for key, value in metadata or ()]
    return integration.response_headers(pairs) if pairs else {}


def replaced(metadata: Metadata, outbound: Outbound) -> list[Metadatum]:
    """Metadata with the headers of an exchange, in place of all under the same keys.

    Keys are compared as they are: gRPC refuses those in upper case, and shall go on doing so. A
    list, because older versions cannot put a tuple into the message in which they refuse it.
    """
    plain = outbound.is_plain
    ours: list[Metadatum] = [*outbound.pairs] if plain else _fit(outbound.pairs)
    if not metadata:
        return ours
    kept = [p for p in metadata if p[0] == _USER_AGENT or not outbound.replaces(p[0])]
    return [*kept, *ours]


def told(metadata: Metadata, pairs: Sequence[tuple[str, str]]) -> tuple[Metadatum, ...]:
    """Metadata of an answer with headers of ours, in place of all under the same keys."""
    names = {name for name, _ in pairs}
    return (*(pair for pair in metadata or () if pair[0] not in names), *_fit(pairs))


def _fit(pairs: Iterable[tuple[str, str]]) -> list[Metadatum]:
    """Headers as metadata, but for those that gRPC would not send."""
    fit: list[Metadatum] = []
    for pair in pairs:
        name, value = pair
        sort = _sort(name)
        # What arrived by HTTP may hold what HTTP allows beyond gRPC: tabs, and more in names.
        if sort and value.isascii() and value.isprintable():
            fit.append(pair if sort == _TEXT else (name, _bytes(value)))
    return fit


@lru_cache(1024)
def _sort(name: str) -> int:
    if name == _USER_AGENT or not _is_key(name):
        return _NOT_SENT
    return _BYTES if name.endswith(_BINARY) else _TEXT


def _bytes(value: str) -> bytes:
    return a2b_base64(value.rstrip("=") + "==")
