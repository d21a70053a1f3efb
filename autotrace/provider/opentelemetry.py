"""Envoy's OpenTelemetry tracer: what it makes of `traceparent`, and what its spans are.

Stricter than W3C's specification where a value is malformed (nothing is recorded and nothing sent
on, instead of a new trace), laxer about versions and upper case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from autotrace.headers import NO_HEADERS, Known
from autotrace.propagation import tracecontext
from autotrace.propagation.hop import NOWHERE, Hop
from autotrace.propagation.tracecontext import TRACEPARENT, TRACESTATE
from autotrace.propagation.values import acceptable, lower_hex
from autotrace.provider.asked import Asked, Sampler
from autotrace.provider.samplers import asks, header_names, parse_sampler, rates
from autotrace.provider.verdict import Verdict
from autotrace.span import CLIENT, ERROR, UNSET

if TYPE_CHECKING:
    from autotrace.config import Config
    from autotrace.propagation import Inject
    from autotrace.propagation.incoming import Identity
    from autotrace.subscription import Subscription

NAME = "opentelemetry"
READS = (TRACEPARENT, TRACESTATE)

# What is wrong with a traceparent, in the order in which it is looked for.
LENGTH = "length"
FIELD_SIZES = "field_sizes"
HEX = "hex"
TRACE_ID = "trace_id"
PARENT_ID = "parent_id"

# Host, method and path with its query, of the request.
Place = tuple[str, str, str]
NOWHERE_AT_ALL: Place = ("", "", "")

# Version, trace id, parent id as received; whether it is sampled.
Parent = tuple[str, str, str, bool]

_LENGTH = 55
_ZERO_TRACE = "0" * 32
_ZERO_SPAN = "0" * 16

# Longer numbers are no status; `int` refuses thousands of digits.
_LONGEST_STATUS = 9
# Of a server's gRPC statuses, those that are its own fault; not 8, which has an `error` tag though.
_SERVER_FAULTS = frozenset((2, 4, 12, 13, 14, 15))


class Options:
    """What is configured for the tracer: its sampler, and what is wrong with it, in words.

    `subscriptions` ask the server that may change the sampler's rates, where there is one.
    """

    __slots__ = ("asks", "header_names", "problem", "sampler", "subscriptions")

    def __init__(self, sampler: Sampler | None = None, problem: str = "") -> None:
        self.sampler = sampler
        self.problem = problem
        self.asks = asks(sampler)
        self.header_names = header_names(sampler)
        self.subscriptions: dict[str, Callable[[], Subscription]] = {}

    @classmethod
    def from_config(cls, config: Config) -> Options:
        """The options that the settings describe."""
        made = cls(*parse_sampler(config.opentelemetry_sampler))
        changing = rates(made.sampler)
        if changing is not None and config.dynatrace_endpoint:

            def subscribe() -> Subscription:
                from autotrace.provider.dynatrace_server import WantedTraces

                return WantedTraces(
                    config.dynatrace_endpoint,
                    config.dynatrace_headers,
                    config.dynatrace_timeout,
                    changing,
                )

            made.subscriptions["dynatrace"] = subscribe
        return made

    @property
    def injects(self) -> tuple[str, ...]:
        """The propagation formats that are written."""
        return ("tracecontext",)

    @property
    def injections(self) -> tuple[Inject, ...]:
        """What writes them."""
        return (inject,)


def parse(value: str) -> Parent | str:
    """The parts of a `traceparent`, of whatever version, or what is wrong with it."""
    if len(value) != _LENGTH:
        return LENGTH
    parts = value.split("-")
    if len(parts) != 4:
        return FIELD_SIZES
    version, trace_id, parent_id, flags = parts
    # Then two are left for the flags.
    if len(version) != 2 or len(trace_id) != 32 or len(parent_id) != 16:
        return FIELD_SIZES
    if not lower_hex(version + trace_id + parent_id + flags):
        return HEX
    if trace_id == _ZERO_TRACE:
        return TRACE_ID
    if parent_id == _ZERO_SPAN:
        return PARENT_ID
    return version, trace_id, parent_id, bool(int(flags, 16) & 1)


def extract(known: Known) -> Parent | str | None:
    """The caller's span, or what is wrong with it; None if nothing is said of any."""
    value = known.get(TRACEPARENT)
    return None if value is None else parse(value)


def tracestate(known: Known) -> str:
    """The values of `tracestate` as one; nothing if they may not be sent on."""
    if TRACESTATE not in known:
        return ""
    text = ",".join(known.all(TRACESTATE)) if known.repeated else known[TRACESTATE]
    return text if acceptable(text) else ""


def start(
    known: Known,
    traced: bool,
    options: Options,
    random: Callable[[], int],
    place: Place = NOWHERE_AT_ALL,
) -> Verdict:
    """What the tracer makes of a request; its span's own id comes from `span_ids`.

    `random` yields 64-bit words: the trace id's high and low half, where a trace begins.
    """
    parent = extract(known)
    if isinstance(parent, str):
        return Verdict(null=True)
    sampler = options.sampler
    if parent is None:
        trace_id, span_id, sampled = f"{random():016x}{random() or 1:016x}", "", traced
        states = ""
    else:
        _, trace_id, span_id, sampled = parent
        trace_id, span_id, states = trace_id.lower(), span_id.lower(), tracestate(known)
    attributes: Mapping[str, str] = {}
    if sampler is not None:
        caller = None if parent is None else sampled
        answer = sampler(Asked(caller, trace_id, known, place, states))
        sampled, attributes = answer.sampled, answer.attributes
        if answer.tracestate is not None:
            states = answer.tracestate
    # Since Envoy 1.39 its own "not traced" is the last word.
    return Verdict(
        trace_id, span_id, int(sampled and traced), tracestate=states, attributes=attributes
    )


def span_ids(verdict: Verdict, random: Callable[[], int]) -> tuple[str, str]:
    """The ids of our span and of its parent: always a new one below the caller's."""
    return f"{random() or 1:016x}", verdict.span_id


def inject(
    span: Identity, known: Known = NO_HEADERS, hop: Hop = NOWHERE
) -> tuple[tuple[str, str], ...]:
    """The headers that make `span` the receiver's parent; `tracestate` even if it is empty."""
    pairs = tracecontext.inject(span, known, hop)
    return pairs if span.tracestate else (*pairs, (TRACESTATE, ""))


def span_name(kind: int, operation: str, host: str, path: str) -> str:
    """The span's name, where no decorator gives one: the operation as it is."""
    return operation


def status(kind: int, tags: Mapping[str, object]) -> int:
    """ERROR for what Envoy's tags tell of a failure, from this side of the call; never OK."""
    http = _number(tags.get("http.status_code"))
    if http >= 500 or (http >= 400 and kind == CLIENT):
        return ERROR
    grpc = _number(tags.get("grpc.status_code"))
    failed = grpc > 0 if kind == CLIENT else grpc in _SERVER_FAULTS
    return ERROR if failed else UNSET


def _number(value: object) -> int:
    """A status out of a tag; 0 if it is none."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST_STATUS else 0
