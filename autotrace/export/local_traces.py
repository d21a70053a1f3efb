"""Spans by the local trace that they are part of: what one inbound call caused in this process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autotrace.span import Span


def local_traces(spans: Sequence[Span]) -> list[list[Span]]:
    """The spans of each call, the one that began it first, all others in their order.

    A span id stands once in each: B3 lets a server share its caller's, and both may be here.
    """
    found: dict[tuple[str, int], list[Span]] = {}
    for span in spans:
        # Spans hold their calls, so that no other object gets the identity of one.
        found.setdefault((span.trace_id, id(span.call)), []).append(span)
    return [each for trace in found.values() for each in _without_doubles(_root_first(trace))]


def _root_first(spans: list[Span]) -> list[Span]:
    return sorted(spans, key=lambda span: bool(span.parent_id) and not span.parent_is_remote)


def _without_doubles(spans: list[Span]) -> list[list[Span]]:
    made: list[list[Span]] = []
    times: dict[str, int] = {}
    for span in spans:
        place = times[span.span_id] = times.get(span.span_id, -1) + 1
        if place == len(made):
            made.append([])
        made[place].append(span)
    return made
