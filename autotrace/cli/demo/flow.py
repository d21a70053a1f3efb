"""What was on the wire, as a table: a row a header, a column a hop.

Ids are long and a terminal is narrow, so each is cut to its first digits. Every piece of a value
remembers which hop it first appeared on: that is who made it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from autotrace.cli.demo.relay import Request
from autotrace.propagation import is_forwarded

# Headers that decide about a trace without naming one.
_ALSO = ("x-client-trace-id", "x-envoy-force-trace")
_ORDER = (
    "x-request-id",
    *_ALSO,
    "traceparent",
    "tracestate",
    "baggage",
    "b3",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-flags",
)
_ID = re.compile(r"[0-9a-f]{16}(?:[0-9a-f]{16})?")
_UUID = re.compile(r"([0-9a-f]{8}-[0-9a-f]{4}-)([0-9a-f])([0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})")


class Piece(NamedTuple):
    """A part of a value: how it is shown, and what it is the same as."""

    text: str
    identity: str = ""


class Cell(NamedTuple):
    """A header's value on one request."""

    value: str
    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """How it is shown."""
        return "".join(piece.text for piece in self.pieces)


class Row(NamedTuple):
    """One header: its values on each hop, several where a hop has several requests."""

    name: str
    hops: tuple[tuple[Cell, ...], ...]

    @property
    def unchanged(self) -> str:
        """The value if it is the same, byte for byte, on every request of every hop."""
        values = {cell.value for hop in self.hops for cell in hop}
        everywhere = all(self.hops) and len(values) == 1
        return values.pop() if everywhere else ""


def rows(hops: Sequence[Sequence[Request]], digits: int) -> list[Row]:
    """The rows of all trace headers that were seen, ids cut to so many digits."""
    names = {name for hop in hops for request in hop for name, _ in request.headers}
    shown = sorted((name for name in names if is_forwarded(name) or name in _ALSO), key=_rank)
    return [Row(name, tuple(tuple(_cells(name, hop, digits)) for hop in hops)) for name in shown]


def first_seen(table: Iterable[Row]) -> dict[str, int]:
    """Which hop each identity was first seen on."""
    seen: dict[str, int] = {}
    for row in table:
        for number, hop in enumerate(row.hops):
            for cell in hop:
                for piece in cell.pieces:
                    seen[piece.identity] = min(number, seen.get(piece.identity, number))
    return seen


def unpadded(trace_id: str) -> str:
    """A trace id without the zeros by which a format of 128 bits widens one of 64."""
    return trace_id[16:] if len(trace_id) == 32 and trace_id.startswith("0" * 16) else trace_id


def _id(text: str, digits: int) -> Piece:
    return Piece(unpadded(text)[:digits], unpadded(text))


def _rank(name: str) -> tuple[int, str]:
    return (_ORDER.index(name) if name in _ORDER else len(_ORDER), name)


def _cells(name: str, hop: Sequence[Request], digits: int) -> Iterable[Cell]:
    for request in hop:
        for header, value in request.headers:
            if header == name:
                yield Cell(value, tuple(_pieces(name, value, digits)))


def _pieces(name: str, value: str, digits: int) -> Iterable[Piece]:
    uuid = _UUID.fullmatch(value) if name == "x-request-id" else None
    if uuid:
        head, reason, tail = uuid.groups()
        # The same id whatever was packed into it.
        yield Piece(f"{value[:digits]}…", head + tail)
        yield Piece(reason, f"reason {reason}")
        yield Piece("…", head + tail)
    elif name in ("traceparent", "b3"):
        # The version of traceparent, which is 00 everywhere, would only take room.
        parts = value.removeprefix("00-").split("-")
        for number, part in enumerate(parts):
            if number:
                yield Piece("-")
            yield _id(part, digits) if _ID.fullmatch(part) else Piece(part)
    elif _ID.fullmatch(value):
        yield _id(value, digits)
    else:
        yield Piece(value, value if len(value) > 1 else "")
