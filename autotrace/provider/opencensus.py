"""Envoy's OpenCensus tracer: which headers it reads and writes, and when its spans are sampled.

The formats to read are walked in the order configured; the first whose header is there counts, and
where that is malformed a new trace begins. What the caller sampled stays sampled, and what Envoy
traces is sampled whatever the caller said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from autotrace.headers import Known
from autotrace.propagation import b3multi, cloudtrace, grpcbin, tracecontext
from autotrace.propagation.b3multi import FLAGS, SAMPLED, SPAN_ID, TRACE_ID
from autotrace.propagation.cloudtrace import CLOUD_TRACE_CONTEXT
from autotrace.propagation.grpcbin import GRPC_TRACE_BIN
from autotrace.propagation.incoming import Incoming, incoming
from autotrace.propagation.tracecontext import TRACEPARENT, TRACESTATE
from autotrace.provider import b3_bare, opentelemetry
from autotrace.provider.verdict import Verdict

if TYPE_CHECKING:
    from autotrace.config import Config
    from autotrace.propagation import Inject

NAME = "opencensus"
READS = (
    *(TRACEPARENT, TRACESTATE, GRPC_TRACE_BIN, CLOUD_TRACE_CONTEXT),
    *(TRACE_ID, SPAN_ID, SAMPLED, FLAGS),
)

_WRITTEN: dict[str, tuple[str, Inject]] = {
    "trace_context": ("tracecontext", tracecontext.inject),
    "grpc_trace_bin": ("grpcbin", grpcbin.inject),
    "cloud_trace_context": ("cloudtrace", cloudtrace.inject),
    "b3": ("b3multi", b3_bare.inject),
}
_OPTIONS = ";o="


class Options:
    """What is configured for the tracer: the formats to read, in order, and those to write."""

    __slots__ = ("incoming", "injections", "injects")

    def __init__(self, incoming: Iterable[str] = (), outgoing: Iterable[str] = ()) -> None:
        self.incoming = tuple(name.lower() for name in incoming)
        written = [_WRITTEN[name.lower()] for name in outgoing if name.lower() in _WRITTEN]
        # The propagation formats that are written, and what writes them.
        self.injects = tuple(name for name, _ in written)
        self.injections = tuple(inject for _, inject in written)

    @classmethod
    def from_config(cls, config: Config) -> Options:
        """The options that the settings describe."""
        return cls(
            config.opencensus_incoming_trace_context, config.opencensus_outgoing_trace_context
        )


def extract(known: Known, formats: Iterable[str]) -> Incoming | None:
    """The caller's span by the first of the formats that arrived; nothing if that is malformed."""
    for name in formats:
        if name == "trace_context" and TRACEPARENT in known:
            return _trace_context(known)
        if name == "grpc_trace_bin" and GRPC_TRACE_BIN in known:
            return _grpc_trace_bin(known)
        if name == "cloud_trace_context" and CLOUD_TRACE_CONTEXT in known:
            return _cloud_trace_context(known)
        if name == "b3" and TRACE_ID in known and SPAN_ID in known:
            return _b3(known)
    return None


def start(known: Known, traced: bool, options: Options, random: Callable[[], int]) -> Verdict:
    """What the tracer makes of a request; its span's own id comes from `span_ids`.

    `random` yields 64-bit words: the trace id's high and low half, where a trace begins.
    """
    parent = extract(known, options.incoming)
    if parent is None:
        return Verdict(f"{random():016x}{random():016x}", "", int(traced))
    sampled = int(traced or parent.sampled == 1)
    # It does not read the state, which passes through Envoy as it came.
    state = opentelemetry.tracestate(known) if parent.format == "tracecontext" else ""
    return Verdict(parent.trace_id, parent.span_id, sampled, tracestate=state)


def span_ids(verdict: Verdict, random: Callable[[], int]) -> tuple[str, str]:
    """The ids of our span and of its parent: always a new one below the caller's."""
    return f"{random():016x}", verdict.span_id


def span_name(kind: int, operation: str, host: str, path: str) -> str:
    """The span's name: the operation as it is."""
    return operation


def start_tags(egress: bool) -> dict[str, str]:
    """The tags that a span has from its start."""
    return {"OperationName": "Egress" if egress else "Ingress"}


def _trace_context(known: Known) -> Incoming | None:
    """`traceparent` of version 00 only, in either case."""
    parts = opentelemetry.parse(known[TRACEPARENT])
    if isinstance(parts, str) or parts[0] != "00":
        return None
    _, trace_id, span_id, sampled = parts
    found = incoming("tracecontext", trace_id.lower(), span_id.lower(), int(sampled))
    # Not read, and so it passes through Envoy as it came.
    found.states = (opentelemetry.tracestate(known),)
    return found


def _grpc_trace_bin(known: Known) -> Incoming | None:
    """All 29 bytes, in base64's first alphabet."""
    value = known[GRPC_TRACE_BIN]
    found = None if "-" in value or "_" in value else grpcbin.extract(known)
    return found if found is not None and found.sampled is not None else None


def _cloud_trace_context(known: Known) -> Incoming | None:
    """With a span id, and options of one digit up to 3 or none."""
    value = known[CLOUD_TRACE_CONTEXT]
    found = cloudtrace.extract(known)
    if found is None or not found.span_id:
        return None
    if ";" in value and not (value[-4:-1] == _OPTIONS and value[-1] in "0123"):
        return None
    found.sampled = found.sampled or 0
    return found


def _b3(known: Known) -> Incoming | None:
    """Two ids, and states that are digits; a trace id of 64 bits is widened."""
    if known.get(SAMPLED, "") not in ("", "0", "1") or known.get(FLAGS, "") not in ("", "1"):
        return None
    found = b3multi.extract(known)
    if found is None or not found.trace_id:
        return None
    found.trace_id = found.trace_id.rjust(32, "0")
    found.sampled = 1 if found.sampled else 0
    return found
