"""What a sampler of Envoy's OpenTelemetry tracer is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from autotrace.headers import NO_HEADERS, Known


class Asked(NamedTuple):
    """A span that is about to begin.

    `parent`: whether the caller's span is sampled, None without a caller. `place` is host, method
    and path with its query; `tracestate` is the caller's.
    """

    parent: bool | None
    trace_id: str
    known: Known = NO_HEADERS
    place: tuple[str, str, str] = ("", "", "")
    tracestate: str = ""


class Sampling(NamedTuple):
    """The answer; without a `tracestate` of its own the caller's goes on."""

    sampled: bool
    tracestate: str | None = None
    attributes: Mapping[str, str] = {}


Sampler = Callable[[Asked], Sampling]
