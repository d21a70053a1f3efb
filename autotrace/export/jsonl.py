"""Spans as lines of JSON, for files and pipes; docs/exporting.md describes the shape."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autotrace.export import batches
from autotrace.export.attribute_text import json_bytes, plain
from autotrace.export.receiver import Outcome, Patience

if TYPE_CHECKING:
    from autotrace.config import Config
    from autotrace.export.resource import Resource
    from autotrace.span import Span

KINDS = ("internal", "server", "client", "producer", "consumer")
STATUSES = ("unset", "ok", "error")


def encode(spans: Sequence[Span], resource: Resource) -> bytes:
    """A line for each span."""
    return b"".join([json_bytes(described(span, resource)) + b"\n" for span in spans])


def described(span: Span, resource: Resource) -> dict[str, Any]:
    """The span as plain values, nothing left out."""
    return {
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "parent_id": span.parent_id,
        "name": span.name,
        "kind": KINDS[span.kind],
        "service": resource.service_name,
        "start": span.start_ns,
        "duration_ns": span.end_ns - span.start_ns,
        "status": STATUSES[span.status_code],
        "status_message": span.status_message,
        "tags": {name: plain(value) for name, value in span.tags()},
        "events": [
            {"name": event.name, "time": event.time_ns, "attributes": plain(event.attributes)}
            for event in span.events
        ],
        "links": [
            {
                "trace_id": link.trace_id,
                "span_id": link.span_id,
                "attributes": plain(link.attributes),
            }
            for link in span.links
        ],
    }


class Lines:
    """Appends to a file, or writes to standard error when the path is empty.

    One write a batch: processes that share the file do not tear each other's lines.
    """

    def __init__(self, path: str, resource: Resource) -> None:
        self._path = path
        self._resource = resource

    def deliver(self, spans: Sequence[Span], patience: Patience) -> Outcome:
        """Writes the spans; opens the file anew each time, so that it may be rotated."""
        return batches.deliver(encode, spans, self._resource, sys.maxsize, self._write)

    def _write(self, body: bytes, spans: Sequence[Span]) -> Outcome:
        try:
            if self._path:
                descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
                try:
                    write_all(descriptor, body)
                finally:
                    os.close(descriptor)
            else:
                write_all(standard_error(), body)
        except (OSError, ValueError) as error:
            where = self._path or "standard error"
            return Outcome(failed=len(spans), problem=f"{where} cannot be written: {error}")
        return Outcome(sent=len(spans))

    def close(self) -> None:
        """Nothing is held back."""


def standard_error() -> int:
    """The descriptor of the real one: what a program put in its place is the program's output."""
    return sys.__stderr__.fileno() if sys.__stderr__ else 2


def write_all(descriptor: int, body: bytes) -> None:
    """Writes past all buffers: in a fork's child their locks may be held by nobody."""
    while body:
        body = body[os.write(descriptor, body) :]


def open_receiver(config: Config, resource: Resource) -> Lines:
    """The configured file."""
    return Lines(config.jsonl_endpoint, resource)
