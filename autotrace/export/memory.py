"""Spans kept in this process, for tests: `SPANS` holds them in the order in which they ended."""

from __future__ import annotations

from _thread import LockType, allocate_lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autotrace.span import Span

SPANS: list[Span] = []


class Memory:
    """A destination without queue and worker: what has ended is there at once."""

    name = "memory"

    def __init__(self) -> None:
        self.put = SPANS.append

    def flush(self) -> LockType:
        """Nothing is ever under way."""
        return allocate_lock()

    def leave(self, deadline: float) -> LockType:
        """Nothing is ever under way."""
        return allocate_lock()

    def give_up(self) -> None:
        """Nothing is lost."""

    def forget(self) -> None:
        """A fork's child has none of its parent's spans."""
        SPANS.clear()

    def counters(self) -> dict[str, int]:
        """All that ended is kept."""
        return {"sent": len(SPANS), "dropped": 0, "failed": 0, "queued": 0}
