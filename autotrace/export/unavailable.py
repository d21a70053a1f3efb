"""A destination that cannot be: what it lacks is said with the spans that are lost by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from autotrace.export.receiver import Outcome, Patience

if TYPE_CHECKING:
    from autotrace.span import Span


class Unavailable:
    """Takes spans and loses them, with the reason."""

    def __init__(self, problem: str) -> None:
        self._problem = problem

    def deliver(self, spans: Sequence[Span], patience: Patience) -> Outcome:
        """Counts the spans as lost."""
        return Outcome(failed=len(spans), problem=self._problem)

    def close(self) -> None:
        """Nothing is held."""
