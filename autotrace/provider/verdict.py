"""What one of Envoy's tracers makes of a request when it starts its span."""

from __future__ import annotations

from collections.abc import Mapping

NOTHING: Mapping[str, str] = {}


class Verdict:
    """The context that a tracer goes on with, and whether it is recorded.

    Ids are lower-case hex, empty where there is none; `span_id` is the caller's span, which is
    also ours where the two share it (`shared`). `sampled` is 0, 1, or 2 for debug. A `null` span
    is not reported, and nothing is injected for it. `malformed`: what the caller said of its span
    made no sense, and is counted. `attributes` are what a sampler says of the span.
    """

    __slots__ = (
        "attributes",
        "malformed",
        "null",
        "parent_id",
        "random",
        "sampled",
        "shared",
        "span_id",
        "trace_id",
        "tracestate",
    )

    def __init__(
        self,
        trace_id: str = "",
        span_id: str = "",
        sampled: int = 0,
        parent_id: str = "",
        tracestate: str = "",
        null: bool = False,
        shared: bool = False,
        random: bool = False,
        malformed: bool = False,
        attributes: Mapping[str, str] = NOTHING,
    ) -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self.sampled = sampled
        self.parent_id = parent_id
        self.tracestate = tracestate
        self.null = null
        self.shared = shared
        self.random = random
        self.malformed = malformed
        self.attributes = attributes
