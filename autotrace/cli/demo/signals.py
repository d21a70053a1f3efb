"""Signals that end the demonstration: never without ending its programs too."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ENDING = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ended_in_order() -> Iterator[None]:
    """Leave through the `finally` clauses on signals that would end the process at once."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = [signal.signal(each, leave) for each in _ENDING]
    try:
        yield
    finally:
        for each, handler in zip(_ENDING, before, strict=True):
            signal.signal(each, handler)


@contextmanager
def held_back() -> Iterator[None]:
    """Keep signals until the end of the block: a child that is not noted yet, nobody would stop."""
    arrived: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        arrived.append(number)

    held = (*_ENDING, signal.SIGINT)
    before = [signal.signal(each, note) for each in held]
    try:
        yield
    finally:
        for each, handler in zip(held, before, strict=True):
            signal.signal(each, handler)
        if arrived:
            signal.raise_signal(arrived[0])
