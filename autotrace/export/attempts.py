"""Sends one request until it is accepted, refused or given up, over whatever carries it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

from autotrace.export.retry import TRIES, pause

if TYPE_CHECKING:
    from autotrace.export.receiver import Patience


class Tried(Protocol):
    """What came of a try, as far as the next one depends on it."""

    @property
    def retry_after(self) -> str:
        """When the receiver wants to be asked again, as `Retry-After` has it; empty if ever."""
        ...

    @property
    def refused(self) -> bool:
        """Whether nobody listens there."""
        ...


Answered = TypeVar("Answered", bound=Tried)


def attempt(
    send: Callable[[float], Answered], again: Callable[[Answered], bool], patience: Patience
) -> Answered:
    """The last answer; `send` gets the seconds that are left, `again` says what is worth a try."""
    tries = 0
    while True:
        answer = send(patience.left())
        tries += 1
        if tries == TRIES or not again(answer):
            return answer
        # At the end of the program nobody waits for a receiver that is not there.
        if answer.refused and patience.leaving:
            return answer
        chance = int.from_bytes(os.urandom(2), "big") / 65536
        if not patience.pause(pause(tries - 1, answer.retry_after, time.time(), chance)):
            return answer
