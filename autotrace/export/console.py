"""Spans on standard error for a person: waterfalls on a terminal, a plain line a span elsewhere."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from autotrace.export.jsonl import described, standard_error, write_all
from autotrace.export.receiver import Outcome, Patience
from autotrace.export.waterfall import waterfall
from autotrace.guard import failed, site

if TYPE_CHECKING:
    from autotrace.config import Config
    from autotrace.export.resource import Resource
    from autotrace.span import Span

# Spans held back for a local root that may never end.
MOST_HELD_BACK = 1000


class Console:
    """Writes a trace when the span that began it here has ended."""

    def __init__(
        self, descriptor: int, resource: Resource, terminal: bool, width: int, colours: bool
    ) -> None:
        self._descriptor = descriptor
        self._resource = resource
        self._terminal = terminal
        self._width = width
        self._colours = colours
        self._held: dict[str, list[dict[str, Any]]] = {}

    def deliver(self, spans: Sequence[Span], patience: Patience) -> Outcome:
        """Writes what is complete, and keeps the rest of it for later."""
        ready: list[dict[str, Any]] = []
        lost = Outcome()
        for span in spans:
            try:
                plain = described(span, self._resource)
            except Exception as error:
                failed(site("export.encode:span"), error)
                lost = lost.plus(Outcome(failed=1, problem="a span cannot be described"))
                continue
            if not self._terminal:
                ready.append(plain)
                continue
            self._held.setdefault(span.trace_id, []).append(plain)
            if span.parent_is_remote or not span.parent_id:
                ready += self._held.pop(span.trace_id)
        if sum(map(len, self._held.values())) > MOST_HELD_BACK:
            ready += self._all_held()
        return lost.plus(self._write(ready))

    def close(self) -> None:
        """Writes what was held back."""
        self._write(self._all_held())

    def _all_held(self) -> list[dict[str, Any]]:
        held, self._held = self._held, {}
        return [span for trace in held.values() for span in trace]

    def _write(self, spans: Sequence[Mapping[str, Any]]) -> Outcome:
        if not spans:
            return Outcome()
        if self._terminal:
            lines = [*waterfall(spans, self._width, self._colours), ""]
        else:
            lines = [line(span) for span in spans]
        try:
            write_all(self._descriptor, "\n".join([*lines, ""]).encode("utf-8", "replace"))
        except OSError as error:
            return Outcome(failed=len(spans), problem=f"standard error cannot be written: {error}")
        return Outcome(sent=len(spans))


def line(span: Mapping[str, Any]) -> str:
    """One span in a line: ids, kind, name, time, status and tags."""
    tags = " ".join(f"{name}={value}" for name, value in span["tags"].items())
    return (
        f"{span['trace_id']} {span['span_id']} {span['parent_id'] or '-'} {span['service']} "
        f"{span['kind']} {span['name'] or '-'} {span['duration_ns'] / 1e6:.3f}ms "
        f"{span['status']} {tags}"
    ).rstrip()


def open_receiver(config: Config, resource: Resource) -> Console:
    """The terminal, or whatever standard error is."""
    descriptor = standard_error()
    terminal = os.isatty(descriptor)
    width = shutil.get_terminal_size().columns
    # https://no-color.org
    colours = terminal and not os.environ.get("NO_COLOR")
    return Console(descriptor, resource, terminal, width, colours)
