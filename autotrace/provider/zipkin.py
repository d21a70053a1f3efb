"""Envoy's Zipkin tracer: what it makes of B3, and of `traceparent` where that is asked for.

It takes ids of fewer digits than B3's specification allows, and never reads `x-b3-flags`. What it
cannot read it does not replace by a new trace: nothing is recorded and nothing sent on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from autotrace.headers import Known
from autotrace.propagation import b3multi, tracecontext
from autotrace.propagation.b3 import B3
from autotrace.propagation.b3multi import PARENT_ID, SAMPLED, SPAN_ID, TRACE_ID
from autotrace.propagation.tracecontext import TRACEPARENT, TRACESTATE
from autotrace.provider import b3_several, b3_single, opentelemetry
from autotrace.provider.b3_single import Ids
from autotrace.provider.error_tag import status
from autotrace.provider.verdict import Verdict

if TYPE_CHECKING:
    from autotrace.config import Config
    from autotrace.propagation import Inject

__all__ = ["NAME", "READS", "Options", "extract", "span_ids", "span_name", "start", "status"]

NAME = "zipkin"
READS = (B3, TRACE_ID, SPAN_ID, PARENT_ID, SAMPLED, TRACEPARENT, TRACESTATE)

# Length of `b3` -> where its flag is, if it is well-formed, which is not looked at here.
_FLAG_AT = {1: 0, 35: 34, 52: 34, 51: 50, 68: 50}
_FLAGS = {"1": True, "d": True, "0": False}
_ZERO = "0" * 16
_ZEROS = frozenset((_ZERO, _ZERO * 2))


class Options:
    """What is configured for the tracer, under Envoy's names; `w3c` is `trace_context_option`."""

    __slots__ = ("shared_span_context", "trace_id_128bit", "w3c")

    def __init__(
        self,
        trace_id_128bit: bool = False,
        shared_span_context: bool = True,
        trace_context_option: str = "USE_B3",
    ) -> None:
        self.trace_id_128bit = trace_id_128bit
        self.shared_span_context = shared_span_context
        self.w3c = trace_context_option.upper() == "USE_B3_WITH_W3C_PROPAGATION"

    @classmethod
    def from_config(cls, config: Config) -> Options:
        """The options that the settings describe."""
        return cls(
            # Its ids have 64 bits unless somebody says otherwise.
            config.trace_id_128bit and "trace_id_128bit" in config.sources,
            config.zipkin_shared_span_context,
            config.zipkin_trace_context_option,
        )

    @property
    def injects(self) -> tuple[str, ...]:
        """The propagation formats that are written."""
        return ("b3multi", "tracecontext") if self.w3c else ("b3multi",)

    @property
    def injections(self) -> tuple[Inject, ...]:
        """What writes them."""
        return (b3multi.inject, tracecontext.inject) if self.w3c else (b3multi.inject,)


def extract(known: Known, traced: bool, w3c: bool = False) -> tuple[bool, Ids | str | None]:
    """Whether the trace is sampled, and the caller's span, or what is wrong with it.

    Both are read each for itself: what is malformed may yet say whether it is sampled.
    """
    value = known.get(B3)
    if value is not None:
        index = _FLAG_AT.get(len(value))
        flag = None if index is None else _FLAGS.get(value[index])
        return traced if flag is None else flag, b3_single.read(value)
    state = known.get(SAMPLED)
    sampled = traced if state is None else state == "1" or state == "true"
    trace_id, span_id = known.get(TRACE_ID), known.get(SPAN_ID)
    found = None
    if trace_id is not None and span_id is not None:
        found = b3_several.read(trace_id, span_id, known.get(PARENT_ID, ""))
    if w3c and TRACEPARENT in known and (state is None or found is None):
        parent = opentelemetry.parse(known[TRACEPARENT])
        if not isinstance(parent, str):
            _, trace_id, span_id, is_sampled = parent
            if state is None:
                sampled = is_sampled
            if found is None:
                found = trace_id.lower(), span_id.lower(), ""
    return sampled, found


def start(
    known: Known, traced: bool, options: Options, random: Callable[[], int], egress: bool = False
) -> Verdict:
    """What the tracer makes of a request; its span's own id comes from `span_ids`.

    `random` yields 64-bit words: the trace id's low half, then its high one, where a trace begins.
    """
    sampled, found = extract(known, traced, options.w3c)
    if found is None:
        trace_id = f"{random() or 1:016x}"
        if options.trace_id_128bit:
            trace_id = f"{random():016x}{trace_id}"
        return Verdict(trace_id, "", int(sampled))
    # Envoy takes zero for an id. A Zipkin server refuses all spans of a message for one such.
    if isinstance(found, str) or found[0] in _ZEROS or found[1] == _ZERO:
        return Verdict(sampled=int(sampled), null=True)
    trace_id, span_id, parent_id = found
    return Verdict(
        trace_id,
        span_id,
        int(sampled),
        parent_id,
        # Beside B3 it passes through Envoy as it came.
        opentelemetry.tracestate(known) if options.w3c and TRACEPARENT in known else "",
        shared=options.shared_span_context and not egress,
    )


def span_ids(verdict: Verdict, random: Callable[[], int]) -> tuple[str, str]:
    """The ids of our span and of its parent, empty for none."""
    if verdict.shared:
        return verdict.span_id, verdict.parent_id
    if not verdict.span_id:
        # A trace begins: its first span has the trace's own id.
        return verdict.trace_id[-16:], ""
    return f"{random() or 1:016x}", verdict.span_id


def span_name(kind: int, operation: str, host: str, path: str) -> str:
    """The span's name, where no decorator gives one: the host."""
    return host
