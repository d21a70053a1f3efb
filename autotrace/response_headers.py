"""What is kept of a response's headers and trailers: those that somebody wants to know."""

from __future__ import annotations

from collections.abc import Iterable, Set

from autotrace import decorator, grpc_status
from autotrace.wanted_headers import Wanted


def names(wanted: Wanted) -> frozenset[str]:
    """Their lower-case names: what no configuration need ask for, and what names and tags read."""
    return frozenset(
        (
            *(decorator.HEADER, grpc_status.STATUS, grpc_status.MESSAGE),
            *(*wanted.response, *wanted.trailers),
        )
    )


def kept(pairs: Iterable[tuple[str, str]], names: Set[str]) -> dict[str, str]:
    """Those of the pairs, names in any case; of one that is repeated the first counts."""
    found: dict[str, str] = {}
    for name, value in pairs:
        lower = name.lower()
        if lower in names:
            found.setdefault(lower, value)
    return found


def kept_bytes(pairs: Iterable[tuple[bytes, bytes]], names: Set[bytes]) -> dict[str, str]:
    """The same of pairs in bytes."""
    found: dict[str, str] = {}
    for name, value in pairs:
        lower = name.lower()
        if lower in names:
            found.setdefault(lower.decode("latin-1"), value.decode("latin-1"))
    return found
