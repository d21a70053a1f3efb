"""Datadog's spans as its agent takes them: msgpack, a list of spans for each local trace.

https://docs.datadoghq.com/tracing/guide/send_traces_to_agent_by_api/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgpack

from autotrace import datadog_rates, datadog_remote
from autotrace.export import datadog_span
from autotrace.export.attribute_text import cut, json_text, text
from autotrace.export.local_traces import local_traces
from autotrace.propagation.datadog_state import AUTO_KEEP, DECISION_MAKER, HIGH_HALF, outgoing

if TYPE_CHECKING:
    from autotrace.config import Config
    from autotrace.export.resource import Resource
    from autotrace.span import Link, Span

CONTENT_TYPE = "application/msgpack"
COUNT = "X-Datadog-Trace-Count"
KINDS = ("internal", "server", "client", "producer", "consumer")
_ERROR = 2
# What the agent cuts, or drops with the whole trace.
_LONGEST_NAME = 100
_LONGEST_RESOURCE = 5000
_LONGEST_KEY = 200
_LONGEST_VALUE = 25_000
_BY_AGENT = "-1"


class Encoder:
    """Encodes the spans of this process; with the provider `datadog` as Envoy's tracer tells them.

    One process has one, for the id that it is known by.
    """

    def __init__(self, config: Config) -> None:
        self._as_envoy = config.provider == "datadog"
        self._service = cut(config.service_name, _LONGEST_NAME)
        self._env = config.datadog_env
        self._meta = {"language": "python", "runtime-id": datadog_remote.runtime_id()}
        if config.datadog_env:
            self._meta["env"] = config.datadog_env
        if config.datadog_version:
            self._meta["version"] = config.datadog_version

    def encode(self, spans: Sequence[Span], resource: Resource) -> bytes:
        """The body that carries all the spans."""
        pid = resource.attributes.get("process.pid", 0)
        traces = [self._trace(trace, float(pid)) for trace in local_traces(spans)]
        # Text of a header's stray byte holds a lone surrogate, which UTF-8 cannot.
        return bytes(msgpack.packb(traces, unicode_errors="replace"))

    def headers(self, spans: Sequence[Span]) -> Mapping[str, str]:
        """What is said of a body beside it."""
        return {COUNT: str(len(local_traces(spans)))}

    def _trace(self, spans: Sequence[Span], pid: float) -> list[dict[str, Any]]:
        made = [self._span(span) for span in spans]
        self._add_decision(made[0], spans[0])
        made[0]["metrics"]["process_id"] = pid
        return made

    def _add_decision(self, made: dict[str, Any], span: Span) -> None:
        """Writes what is said once for a trace: who decided what, and where it comes from."""
        known: Any = span.request_headers
        state = outgoing(span, known)
        meta, metrics = made["meta"], made["metrics"]
        # A span that is sent is kept, whatever the priority of a trace that it only passes through.
        metrics["_sampling_priority_v1"] = float(
            AUTO_KEEP if state.priority is None else state.priority
        )
        meta.update(state.tags)
        if state.origin:
            meta["_dd.origin"] = state.origin
        high = span.trace_id[:-16].zfill(16)
        if high.strip("0"):
            meta[HIGH_HALF] = high
        rate = datadog_rates.rate(self._service, self._env)
        maker = meta.get(DECISION_MAKER)
        rule = datadog_remote.rule(self._service)
        if maker == _BY_AGENT and rate is not None:
            metrics["_dd.agent_psr"] = rate
        elif rule is not None and maker == f"-{rule.mechanism}":
            metrics["_dd.rule_psr"] = rule.rate

    def _span(self, span: Span) -> dict[str, Any]:
        tags = span.tags()
        if self._as_envoy:
            fields = datadog_span.fields(span.name, tags)
            metrics: dict[str, float] = {}
        else:
            name = datadog_span.name(span.kind, span.name, dict(tags))
            fields = datadog_span.fields(span.name, datadog_span.renamed(tags), name)
            metrics = datadog_span.numbers(fields.meta, tags)
        meta = {**datadog_remote.tags(), **fields.meta, **self._meta, "span.kind": KINDS[span.kind]}
        failed = fields.error or span.status_code == _ERROR
        if failed:
            meta.update(_error(span, fields.error_message))
        if span.events:
            meta["events"] = json_text([_event(event) for event in span.events])
        made = {
            "service": self._service,
            "name": cut(fields.name, _LONGEST_NAME),
            "resource": cut(fields.resource, _LONGEST_RESOURCE),
            "type": datadog_span.type_of(span.kind, fields.meta),
            "trace_id": int(span.trace_id[-16:], 16),
            "span_id": int(span.span_id, 16),
            "parent_id": int(span.parent_id or "0", 16),
            "start": span.start_ns,
            "duration": span.end_ns - span.start_ns,
            "error": int(failed),
            "meta": {
                cut(key, _LONGEST_KEY): cut(value, _LONGEST_VALUE) for key, value in meta.items()
            },
            "metrics": metrics,
        }
        if span.links:
            made["span_links"] = [_link(link) for link in span.links]
        return made


def _error(span: Span, reason: str) -> dict[str, str]:
    """Why it failed, by Datadog's names; of several exceptions the last."""
    made: dict[str, str] = {}
    message = span.status_message or reason
    if message:
        made["error.message"] = message
    for event in span.events:
        for key, name in _EXCEPTION:
            if event.name == "exception" and key in event.attributes:
                made[name] = text(event.attributes[key])
    return made


_EXCEPTION = (
    ("exception.message", "error.message"),
    ("exception.type", "error.type"),
    ("exception.stacktrace", "error.stack"),
)


def _event(event: Any) -> dict[str, Any]:
    return {
        "name": event.name,
        "time_unix_nano": event.time_ns,
        "attributes": dict(event.attributes),
    }


def _link(link: Link) -> dict[str, Any]:
    made: dict[str, Any] = {
        "trace_id": int(link.trace_id[-16:], 16),
        "trace_id_high": int(link.trace_id[:-16] or "0", 16),
        "span_id": int(link.span_id, 16),
        "attributes": {str(key): text(value) for key, value in link.attributes.items()},
    }
    if link.tracestate:
        made["tracestate"] = link.tracestate
    return made
