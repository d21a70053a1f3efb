"""Envoy's Datadog tracer: what it makes of Datadog's headers, W3C's and B3's.

What it cannot read begins a new trace. A priority that arrived is the last word; Envoy's own
decision only counts without one, and then only where it is a no.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from autotrace import datadog_rates, datadog_remote
from autotrace.propagation import b3, b3multi, datadog, tracecontext
from autotrace.propagation.datadog import PARENT_ID
from autotrace.propagation.datadog_state import (
    AUTO_DROP,
    AUTO_KEEP,
    ORIGIN,
    PRIORITIES,
    PRIORITY,
    TRACE_ID,
    USER_DROP,
    USER_KEEP,
    from_tracestate,
)
from autotrace.propagation.datadog_tracestate import inject_tracecontext, with_member
from autotrace.provider.error_tag import status
from autotrace.provider.verdict import Verdict

if TYPE_CHECKING:
    from autotrace.config import Config
    from autotrace.headers import Known
    from autotrace.propagation import Inject
    from autotrace.propagation.incoming import Incoming
    from autotrace.subscription import Subscription

__all__ = [
    "INJECTS",
    "NAME",
    "READS",
    "Options",
    "Parent",
    "decide",
    "extract",
    "priority_of_will",
    "span_ids",
    "span_name",
    "start",
    "status",
    "trace_id_text",
]

NAME = "datadog"
READS = (*datadog.HEADERS, *tracecontext.HEADERS, *b3multi.HEADERS, *b3.HEADERS)
INJECTS = ("datadog", "tracecontext")

# Datadog's number of the mechanism.
_BY_AGENT = 1

_EXTRACT = {
    "datadog": datadog.extract,
    "tracecontext": tracecontext.extract,
    "b3": b3.extract,
    "b3multi": b3multi.extract,
}
_INJECT: dict[str, Inject] = {
    "datadog": datadog.inject,
    "tracecontext": inject_tracecontext,
    "b3": b3.inject,
    "b3multi": b3multi.inject,
}


class Options:
    """What is configured for the tracer: the propagation styles that are read and written.

    `service` and `env` are the names that the agent gives its rates for; `subscriptions` ask it for
    settings, where that is wanted.
    """

    __slots__ = ("env", "extract", "injects", "service", "subscriptions", "trace_id_128bit")

    def __init__(
        self,
        extract: Sequence[str] = INJECTS,
        injects: Sequence[str] = INJECTS,
        trace_id_128bit: bool = True,
        service: str = "",
        env: str = "",
    ) -> None:
        self.extract = tuple(extract)
        self.injects = tuple(injects)
        self.trace_id_128bit = trace_id_128bit
        self.service = service
        self.env = env
        self.subscriptions: dict[str, Callable[[], Subscription]] = {}

    @classmethod
    def from_config(cls, config: Config) -> Options:
        """The options that the settings describe."""
        made = cls(
            config.datadog_propagation_style_extract,
            config.datadog_propagation_style_inject,
            config.trace_id_128bit,
            config.service_name,
            config.datadog_env,
        )
        if config.datadog_remote_config_interval:

            def subscribe() -> Subscription:
                from autotrace.datadog_remote_config import RemoteConfig

                return RemoteConfig(
                    config.datadog_endpoint,
                    config.datadog_headers,
                    config.datadog_timeout,
                    config.datadog_remote_config_interval,
                    (config.service_name, config.datadog_env),
                )

            made.subscriptions["datadog remote configuration"] = subscribe
        return made

    @property
    def injections(self) -> tuple[Inject, ...]:
        """What writes the formats of `injects`."""
        return tuple(_INJECT[style] for style in self.injects)


class Parent(NamedTuple):
    """The caller's span, its id empty where a trace came without one, and its priority if any."""

    trace_id: str
    span_id: str
    priority: int | None
    tracestate: str


def extract(known: Known, styles: Sequence[str]) -> Parent | None:
    """The caller by the first style that names a trace; nothing if none does or it is malformed."""
    for style in styles:
        found = _EXTRACT[style](known)
        if style == "datadog" and TRACE_ID in known and not _is_whole(known, found):
            return None
        if found is not None and found.trace_id:
            return _parent(style, known, found, "tracecontext" in styles)
    return None


def _is_whole(known: Known, found: Incoming | None) -> bool:
    """Whether Datadog's ids can be read, and a trace without a span has an origin."""
    if found is None or not found.trace_id:
        return False
    return PARENT_ID in known or ORIGIN in known


def _parent(style: str, known: Known, found: Incoming, merges: bool) -> Parent:
    tracestate = found.tracestate
    priority = found.sampled
    if style == "tracecontext":
        stated = from_tracestate(tracestate).priority
        # The flag is what tracers in between may have changed.
        if stated is not None and int(stated > 0) == priority:
            priority = stated
    else:
        if style == "datadog":
            priority = PRIORITIES.get(known.get(PRIORITY, ""))
        other = tracecontext.extract(known) if merges else None
        if other is not None and other.trace_id == found.trace_id.rjust(32, "0"):
            tracestate = other.tracestate
    return Parent(found.trace_id, found.span_id, priority, tracestate)


def decide(extracted: int | None, traced: bool) -> int | None:
    """The sampling priority; None leaves it to the library's own sampler."""
    if extracted is not None:
        return extracted
    return None if traced else USER_DROP


def priority_of_will(sampled: bool) -> int:
    """The priority of what somebody decides about a span by hand."""
    return USER_KEEP if sampled else USER_DROP


def start(known: Known, traced: bool, options: Options, random: Callable[[], int]) -> Verdict:
    """What the tracer makes of a request; its span's own id comes from `span_ids`.

    `random` yields 64-bit words: the trace id's low half, then its high one, where a trace begins.
    What nobody decides is left to rules that are configured afar, then to the rates that the agent
    asks for; without either, all is kept.
    """
    parent = extract(known, options.extract)
    if parent is None:
        trace_id = f"{random() or 1:016x}"
        if options.trace_id_128bit:
            trace_id = f"{random():016x}{trace_id}"
        parent = Parent(trace_id, "", None, "")
    priority = decide(parent.priority, traced)
    tracestate = parent.tracestate
    mechanism = 0
    if priority is None:
        priority, mechanism = _sampled(parent.trace_id, options)
    if parent.priority is None and priority is not None:
        maker = f";t.dm:-{mechanism}" if mechanism and priority > 0 else ""
        # Where `datadog.inject` looks for the priority when none arrived.
        tracestate = with_member(tracestate, f"dd=s:{priority}{maker}")
    sampled = priority is None or priority > 0
    return Verdict(parent.trace_id, parent.span_id, int(sampled), tracestate=tracestate)


def _sampled(trace_id: str, options: Options) -> tuple[int | None, int]:
    """What the library's own sampler says, and by which of Datadog's mechanisms."""
    rule = datadog_remote.rule(options.service)
    if rule is not None:
        kept = datadog_rates.keeps(trace_id, rule.rate) and datadog_remote.LIMIT.allows()
        return USER_KEEP if kept else USER_DROP, rule.mechanism
    rate = datadog_rates.rate(options.service, options.env)
    if rate is None:
        return None, 0
    return AUTO_KEEP if datadog_rates.keeps(trace_id, rate) else AUTO_DROP, _BY_AGENT


def span_ids(verdict: Verdict, random: Callable[[], int]) -> tuple[str, str]:
    """The ids of our span and of its parent, empty for none."""
    return f"{random() or 1:016x}", verdict.span_id


def span_name(kind: int, operation: str, host: str, path: str) -> str:
    """The operation: Datadog's resource, while its name of all spans is `envoy.proxy`."""
    return operation


def trace_id_text(trace_id: str) -> str:
    """The trace id as the tracer tells it: the lower half in hex, without leading zeros."""
    return trace_id[-16:].lstrip("0") or "0"
