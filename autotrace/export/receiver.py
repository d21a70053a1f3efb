"""What a destination's worker hands spans to, and how long it may take."""

from __future__ import annotations

from _thread import allocate_lock
from collections.abc import Sequence
from time import monotonic, sleep
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from autotrace.span import Span

NEVER = float("inf")


class Outcome(NamedTuple):
    """What became of some spans; `problem` says why those that are not `sent` were lost."""

    sent: int = 0
    dropped: int = 0  # refused by the receiver
    failed: int = 0  # given up
    problem: str = ""

    def plus(self, other: Outcome) -> Outcome:
        """Both together; the later problem is the one that is told."""
        return Outcome(
            self.sent + other.sent,
            self.dropped + other.dropped,
            self.failed + other.failed,
            other.problem or self.problem,
        )


class Patience:
    """How long a delivery may take: as long as it likes, until the program wants to leave."""

    def __init__(self) -> None:
        self.deadline = NEVER
        self._bell = allocate_lock()
        self._bell.acquire()

    @property
    def leaving(self) -> bool:
        """Whether the program is at its end."""
        return self.deadline != NEVER

    def leave_by(self, deadline: float) -> None:
        """Sets the monotonic time at which all must be over, and ends a pause that is going on."""
        self.deadline = deadline
        try:
            self._bell.release()
        except RuntimeError:
            # Rung before: nobody has paused since.
            return

    def left(self) -> float:
        """The seconds until all must be over."""
        return self.deadline - monotonic()

    def pause(self, seconds: float) -> bool:
        """Waits before another try; False when there is no time for it."""
        if not self.leaving:
            self._bell.acquire(timeout=seconds)
        elif seconds < self.left():
            sleep(seconds)
        else:
            return False
        return self.left() > 0


class Receiver(Protocol):
    """Where spans end: a server, a file, a terminal. Used by one thread at a time."""

    def deliver(self, spans: Sequence[Span], patience: Patience) -> Outcome:
        """Sends the spans and says what became of them."""
        ...

    def close(self) -> None:
        """Lets go of what is held back, because the program ends."""
        ...
