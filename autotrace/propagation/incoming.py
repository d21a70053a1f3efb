"""What one header format says about the caller, and what every format needs to name a span."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from autotrace.propagation.tracestate import tracestate


class Incoming:
    """What arrived in one format: ids, or only a sampling wish.

    Ids are lower-case hex and keep the width they came with (trace 16 or 32, span 16); without ids
    `trace_id` is empty. `sampled` has four states: None (absent: decide yourself), 0 no, 1 yes,
    2 debug. `random` is W3C's flag that the trace id is random.
    """

    # No __init__: making one by assignments costs a third less, and it happens in every request.
    __slots__ = ("format", "parent_id", "random", "sampled", "span_id", "states", "trace_id")

    trace_id: str
    span_id: str
    parent_id: str
    sampled: int | None
    random: bool
    format: str
    # The values of W3C's `tracestate` as they came; most are never looked at.
    states: Sequence[str]

    @property
    def tracestate(self) -> str:
        """W3C's `tracestate`, fit for sending on."""
        return tracestate(self.states) if self.states else ""

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"Incoming({fields})"


def incoming(
    format: str, trace_id: str, span_id: str, sampled: int | None, parent_id: str = ""
) -> Incoming:
    """What arrived in `format`, with nothing that only W3C has."""
    made = Incoming()
    made.format = format
    made.trace_id = trace_id
    made.span_id = span_id
    made.parent_id = parent_id
    made.sampled = sampled
    made.states = ()
    made.random = False
    return made


class Identity(Protocol):
    """What a format writes: the span that the receiver shall call its parent.

    `sampled` as in `Incoming`.
    """

    @property
    def trace_id(self) -> str: ...

    @property
    def span_id(self) -> str: ...

    @property
    def parent_id(self) -> str: ...

    @property
    def sampled(self) -> int | None: ...

    @property
    def tracestate(self) -> str: ...

    @property
    def random(self) -> bool: ...
