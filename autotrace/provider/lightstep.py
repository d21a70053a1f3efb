"""Envoy's Lightstep tracer: its propagation modes, its baggage, and the tags of its spans.

Only Envoy's own decision counts. The modes to read are tried in the order configured; a malformed
context is counted and a new trace begins, without a look at the other modes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from autotrace.headers import NO_HEADERS, Known
from autotrace.propagation import ot, ottrace, tracecontext
from autotrace.propagation.b3multi import SAMPLED as B3_SAMPLED
from autotrace.propagation.b3multi import SPAN_ID as B3_SPAN_ID
from autotrace.propagation.b3multi import TRACE_ID as B3_TRACE_ID
from autotrace.propagation.hop import NOWHERE, Hop
from autotrace.propagation.incoming import Identity, Incoming
from autotrace.propagation.ot import OT_SPAN_CONTEXT
from autotrace.propagation.ottrace import SAMPLED, SPAN_ID, TRACE_ID
from autotrace.propagation.tracecontext import TRACEPARENT, TRACESTATE
from autotrace.provider import b3_bare
from autotrace.provider.verdict import Verdict

if TYPE_CHECKING:
    from autotrace.config import Config
    from autotrace.propagation import Inject

NAME = "lightstep"
READS = (
    *(OT_SPAN_CONTEXT, TRACE_ID, SPAN_ID, SAMPLED, B3_TRACE_ID, B3_SPAN_ID, B3_SAMPLED),
    *(TRACEPARENT, TRACESTATE),
)

# Envoy's counter of malformed contexts, which stands for what is wrong.
EXTRACTION_ERROR = "span_context_extraction_error"

SAMPLING_PRIORITY = "sampling.priority"
SPAN_KIND = "span.kind"


def inject_native(
    span: Identity, known: Known = NO_HEADERS, hop: Hop = NOWHERE
) -> tuple[tuple[str, str], ...]:
    """Lightstep's own headers, as the C++ library writes them: half a trace id, a digit."""
    sampled = "1" if span.sampled else "0"
    return (TRACE_ID, span.trace_id[-16:]), (SPAN_ID, span.span_id), (SAMPLED, sampled)


_WRITTEN: dict[str, tuple[str, Inject]] = {
    "envoy": ("ot", ot.inject),
    "lightstep": ("ottrace", inject_native),
    "b3": ("b3multi", b3_bare.inject),
    "trace_context": ("tracecontext", tracecontext.inject),
}


class Options:
    """What is configured for the tracer: its propagation modes, in the order they are read."""

    __slots__ = ("injections", "injects", "modes")

    def __init__(self, modes: Iterable[str] = ("envoy",)) -> None:
        known = [mode.lower() for mode in modes if mode.lower() in _WRITTEN]
        self.modes = tuple(known or ("envoy",))
        # The propagation formats that are written, and what writes them.
        self.injects = tuple(_WRITTEN[mode][0] for mode in self.modes)
        self.injections = tuple(_WRITTEN[mode][1] for mode in self.modes)

    @classmethod
    def from_config(cls, config: Config) -> Options:
        """The options that the settings describe."""
        return cls(config.lightstep_propagation_modes)


def extract(known: Known, modes: Iterable[str] = ("envoy",)) -> Incoming | str | None:
    """The caller's span by the first mode that arrived, or what is wrong with it, or nothing."""
    for mode in modes:
        if mode == "envoy":
            arrived, found = OT_SPAN_CONTEXT in known, _envoy(known)
        elif mode == "lightstep":
            arrived, found = TRACE_ID in known or SPAN_ID in known, ottrace.extract(known)
        elif mode == "b3":
            arrived, found = B3_TRACE_ID in known or B3_SPAN_ID in known, _b3(known)
        else:
            arrived, found = TRACEPARENT in known, tracecontext.extract(known)
        if arrived:
            return EXTRACTION_ERROR if found is None else found
    return None


def start(known: Known, traced: bool, options: Options, random: Callable[[], int]) -> Verdict:
    """What the tracer makes of a request; its span's own id comes from `span_ids`.

    `random` yields 64-bit words; a trace that begins takes one for its id.
    """
    parent = extract(known, options.modes)
    if parent is None or isinstance(parent, str):
        return Verdict(f"{random():016x}", "", int(traced), malformed=parent is not None)
    return Verdict(parent.trace_id, parent.span_id, int(traced), tracestate=parent.tracestate)


def span_ids(verdict: Verdict, random: Callable[[], int]) -> tuple[str, str]:
    """The ids of our span and of its parent: always a new one below the caller's."""
    return f"{random():016x}", verdict.span_id


def span_name(kind: int, operation: str, host: str, path: str) -> str:
    """The span's name: the operation as it is."""
    return operation


def start_tags(traced: bool, egress: bool) -> dict[str, str]:
    """The tags that a span has from its start."""
    kind = "client" if egress else "server"
    if traced:
        return {SPAN_KIND: kind}
    return {**sampled_tag(False), SPAN_KIND: kind}


def sampled_tag(sampled: bool) -> dict[str, str]:
    """The tag that says so when somebody decides about a span later on."""
    return {SAMPLING_PRIORITY: "1" if sampled else "0"}


def baggage(known: Known) -> dict[str, str]:
    """The baggage that arrived in `x-ot-span-context`; its names have no upper case."""
    return {name.lower(): value for name, value in ot.baggage(known).items()}


def _envoy(known: Known) -> Incoming | None:
    """`x-ot-span-context` in base64 with padding and in its first alphabet only."""
    value = known.get(OT_SPAN_CONTEXT, "")
    return None if len(value) % 4 or "-" in value or "_" in value else ot.extract(known)


def _b3(known: Known) -> Incoming | None:
    """B3's ids by the rules of Lightstep's own headers: of any number of digits."""
    ids = Known({TRACE_ID: known.get(B3_TRACE_ID, ""), SPAN_ID: known.get(B3_SPAN_ID, "")})
    return ottrace.extract(ids)
