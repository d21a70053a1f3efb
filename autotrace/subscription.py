"""What a tracer goes on asking a server for, while the program runs.

Whoever wants to know says where to ask, what, and what to make of the answers; it knows nothing of
networks. `autotrace.export.polling` does the asking.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol


class Next(NamedTuple):
    """What follows an answer: seconds until the next question, 0 for none, and what was wrong."""

    seconds: float
    problem: str = ""


class Subscription(Protocol):
    """Questions to one address; `first` is how many seconds the first one is put off."""

    url: str
    headers: Mapping[str, str]
    timeout: float
    first: float

    def question(self) -> bytes | None:
        """The JSON to post; None to get what is there."""
        ...

    def answered(self, status: int, body: bytes) -> Next:
        """Takes an answer; status 0 stands for none."""
        ...
