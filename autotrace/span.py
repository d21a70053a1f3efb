"""The span: raw facts on slots, turned into tags and a name only when somebody reads them.

It is an OpenTelemetry span too, so that `get_current_span()` in the program is the very span that
will be exported. No locks: a span is written by the code that serves its call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter_ns, time_ns
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry import trace
from opentelemetry.trace import SpanContext, TraceFlags, TraceState
from opentelemetry.trace.status import Status, StatusCode

from autotrace.failure import words

if TYPE_CHECKING:
    from autotrace.facts import ClientRequest, Message, ServerRequest, SideCall, Stream

INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = range(5)
UNSET, OK, ERROR = range(3)


def span_kind(egress: bool, spawn_upstream_span: bool, child: bool = False) -> int:
    """Which kind a listener's span is, by its direction; `child` is an outbound call's span.

    That of Envoy's Zipkin and OpenTelemetry tracers.
    """
    if child:
        return CLIENT
    # Where outbound calls have spans of their own, the one above them is the server's.
    return CLIENT if egress and not spawn_upstream_span else SERVER


class Event:
    """Something that happened at a time (epoch nanoseconds) within a span."""

    __slots__ = ("attributes", "name", "time_ns")

    def __init__(self, name: str, time_ns: int, attributes: Mapping[str, Any] | None) -> None:
        self.name = name
        self.time_ns = time_ns
        self.attributes = attributes or {}


class Link:
    """Another span that this one has to do with, by lower-case hex ids."""

    __slots__ = ("attributes", "span_id", "trace_id", "tracestate")

    def __init__(
        self,
        trace_id: str,
        span_id: str,
        tracestate: str = "",
        attributes: Mapping[str, Any] | None = None,
    ) -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self.tracestate = tracestate
        self.attributes = attributes or {}


class Reading(Protocol):
    """How the raw facts of a span are read: names, tags and status by the configured rules."""

    def name(self, span: Span) -> str:
        """The operation name."""
        ...

    def tags(self, span: Span) -> list[tuple[str, Any]]:
        """The tags in their order of writing."""
        ...

    def status(self, span: Span) -> int:
        """The status that the facts give: UNSET or ERROR."""
        ...

    def events(self, span: Span) -> Sequence[Event]:
        """The events that the facts give."""
        ...


class Route(Protocol):
    """What a configured route of Envoy's says of the spans of its requests; "" and () say nothing.

    `metadata` is by namespace, `custom_tags` are entries of the configuration.
    """

    name: str
    cluster: str
    metadata: Mapping[str, Any]
    custom_tags: Sequence[Mapping[str, Any]]
    operation: str
    upstream_operation: str


def otel_context(
    trace_id: str, span_id: str, sampled: bool, tracestate: str, is_remote: bool = False
) -> SpanContext:
    """The OpenTelemetry form of our ids."""
    state = TraceState.from_header([tracestate]) if tracestate else None
    return SpanContext(
        int(trace_id or "0", 16),
        int(span_id or "0", 16),
        is_remote,
        TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT),
        state,
    )


class Unrecorded(trace.Span):
    """The part of OpenTelemetry's span that does nothing, for calls that are not sampled."""

    __slots__ = ()

    def end(self, end_time: int | None = None) -> None:
        """Nothing to end."""

    def is_recording(self) -> bool:
        """No."""
        return False

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Kept nowhere."""

    def set_attribute(self, key: str, value: Any) -> None:
        """Kept nowhere."""

    def add_event(
        self, name: str, attributes: Mapping[str, Any] | None = None, timestamp: int | None = None
    ) -> None:
        """Kept nowhere."""

    def add_link(self, context: SpanContext, attributes: Mapping[str, Any] | None = None) -> None:
        """Kept nowhere."""

    def update_name(self, name: str) -> None:
        """Kept nowhere."""

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Kept nowhere."""

    def record_exception(
        self,
        exception: BaseException,
        attributes: Mapping[str, Any] | None = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """Kept nowhere."""


class Span(Unrecorded):
    """A recorded operation.

    Ids are lower-case hex (trace 16 or 32 digits as the trace began, span 16), times are epoch
    nanoseconds, `end_ns` is 0 while it is open. `kind` has OpenTelemetry's numbers.
    """

    # OpenTelemetry's class has no slots, so a dict exists when it is needed: what is seldom set is
    # a class attribute here, and making a span stays a dozen assignments.
    __slots__ = (
        "_finish",
        "_reading",
        "_started",
        "call",
        "end_ns",
        "flags",
        "kind",
        "parent_id",
        "peer",
        "protocol",
        "request",
        "response_size",
        "span_id",
        "start_ns",
        "states",
        "status",
        "trace_id",
    )

    parent_is_remote = False
    shared = False
    # 1, or 2 for B3's debug; what is not sampled has no span.
    sampled = 1
    # W3C's flag that the trace id is random; as it arrived.
    random = False
    reason = ""
    client_trace_id: str | None = None
    attributes: dict[str, Any] | None = None
    # What a decorator names it: the header, in either direction, or the route.
    operation = ""
    # Cluster and its observability name, where they are known apart from whom a request names.
    upstream: tuple[str, str] | None = None
    # The configured route of an outbound call; that of the inbound one is the call's.
    outbound_route: Route | None = None
    # The caller gave it up.
    canceled = False
    # `grpc-status` and `grpc-message` of each part of a response that carries a status.
    grpc: Sequence[tuple[str, str | None]] = ()
    # Those that names and tags are made of, by lower-case name.
    response_headers: Mapping[str, str] | None = None
    response_trailers: Mapping[str, str] | None = None
    # Nanoseconds from the start to each of Envoy's instants, noted where they are wanted.
    instants: dict[str, int] | None = None
    links: Sequence[Link] = ()
    user_status = UNSET
    user_status_message = ""
    scope = "autotrace"
    scope_version = ""
    _events: Sequence[Event] = ()
    _name: str | None = None
    _context: SpanContext | None = None

    def __init__(
        self,
        kind: int,
        trace_id: str,
        span_id: str,
        parent_id: str,
        tracestate: str | None,
        call: object,
        reading: Reading,
        finish: Callable[[Span], None],
    ) -> None:
        self.kind = kind
        self.trace_id = trace_id
        self.span_id = span_id
        self.parent_id = parent_id
        # W3C's `tracestate`; None for that of the call, which is looked at when it is needed.
        self.states = tracestate
        # The call it belongs to, so that children and outbound calls find its decision.
        self.call = call
        self._reading = reading
        self._finish = finish
        self.start_ns = time_ns()
        self._started = perf_counter_ns()
        self.end_ns = 0
        self.request: ServerRequest | ClientRequest | SideCall | Stream | Message | None = None
        self.status = 0
        self.response_size = 0
        self.flags: tuple[str, ...] = ()
        self.protocol = ""
        self.peer: Sequence[object] | None = None

    # What encoders read, off the request path.

    @property
    def debug(self) -> bool:
        """Whether B3's debug flag is on."""
        return self.sampled > 1

    @property
    def name(self) -> str:
        """The operation name: the one that was set, or the one that the facts give."""
        return self._name if self._name is not None else self._reading.name(self)

    @property
    def tracestate(self) -> str:
        """W3C's `tracestate`, fit for sending on."""
        states = self.states
        return getattr(self.call, "tracestate", "") if states is None else states

    @property
    def request_id(self) -> str:
        """The request id of the call it belongs to."""
        found: str = getattr(self.call, "request_id", "")
        return found

    @property
    def request_headers(self) -> Mapping[str, str]:
        """The known headers of the inbound call that it belongs to, by lower-case name."""
        found: Mapping[str, str] = getattr(self.call, "known", None) or {}
        return found

    @property
    def route_rule(self) -> Route | None:
        """The configured route: of the outbound call that it is, else of its inbound call."""
        found: Route | None = self.outbound_route or getattr(self.call, "route_rule", None)
        return found

    @property
    def edge(self) -> bool:
        """Whether its call entered from outside here, so that its sender is not believed."""
        return bool(getattr(self.call, "edge", False))

    @property
    def events(self) -> Sequence[Event]:
        """What happened within it: what the program noted, then what the facts give."""
        if self.instants is None:
            return self._events
        return [*self._events, *self._reading.events(self)]

    def tags(self) -> list[tuple[str, Any]]:
        """The tags in their order of writing."""
        return self._reading.tags(self)

    @property
    def status_code(self) -> int:
        """OTLP's status number: 0 unset, 1 ok, 2 error."""
        return self.user_status or self._reading.status(self)

    @property
    def status_message(self) -> str:
        """Why it failed; empty unless it did."""
        if self.user_status:
            return self.user_status_message
        return self.reason if self._reading.status(self) == ERROR else ""

    # What a call tells while it lasts.

    def note(self, instant: str, ago_ns: int = 0) -> None:
        """Notes that it is one of Envoy's instants now (`verbose_events.INSTANTS`), or was."""
        if self.instants is None:
            self.instants = {}
        if instant not in self.instants or instant.startswith("last"):
            passed = perf_counter_ns() - self._started - ago_ns
            self.instants[instant] = max(0, passed)

    # OpenTelemetry's span.

    def end(self, end_time: int | None = None) -> None:
        """Ends it, once, and hands it to the exporters."""
        if self.end_ns:
            return
        self.end_ns = end_time or self.start_ns + perf_counter_ns() - self._started
        self._finish(self)

    def get_span_context(self) -> SpanContext:
        """The ids in OpenTelemetry's form."""
        context = self._context
        if context is None:
            context = self._context = otel_context(
                self.trace_id, self.span_id, True, self.tracestate
            )
        return context

    def is_recording(self) -> bool:
        """Whether it is still open."""
        return not self.end_ns

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Keeps several attributes."""
        if not self.end_ns:
            if self.attributes is None:
                self.attributes = {}
            self.attributes.update(attributes)

    def set_attribute(self, key: str, value: Any) -> None:
        """Keeps an attribute, which overrides a tag of the same name."""
        if not self.end_ns:
            if self.attributes is None:
                self.attributes = {}
            self.attributes[key] = value

    def add_event(
        self, name: str, attributes: Mapping[str, Any] | None = None, timestamp: int | None = None
    ) -> None:
        """Keeps an event, at the given epoch nanoseconds or now."""
        if not self.end_ns:
            self._events = [*self._events, Event(name, timestamp or time_ns(), attributes)]

    def add_link(self, context: SpanContext, attributes: Mapping[str, Any] | None = None) -> None:
        """Keeps a link to another span."""
        if not self.end_ns and context is not None and context.is_valid:
            link = Link(
                f"{context.trace_id:032x}",
                f"{context.span_id:016x}",
                context.trace_state.to_header() if context.trace_state else "",
                attributes,
            )
            self.links = [*self.links, link]

    def update_name(self, name: str) -> None:
        """Names it, in place of the name that the facts give."""
        if not self.end_ns:
            self._name = name

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Sets the status; ok is final, unset changes nothing (OpenTelemetry API, Set Status)."""
        code = status.status_code if isinstance(status, Status) else status
        text = status.description if isinstance(status, Status) else description
        if not self.end_ns and self.user_status != OK and code is not StatusCode.UNSET:
            self.user_status = code.value
            self.user_status_message = (text or "") if code is StatusCode.ERROR else ""

    def record_exception(
        self,
        exception: BaseException,
        attributes: Mapping[str, Any] | None = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """Keeps an exception as an event with OpenTelemetry's attribute names."""
        if self.end_ns:
            return
        from traceback import format_exception

        kind = type(exception)
        module = "" if kind.__module__ == "builtins" else kind.__module__ + "."
        text = "".join(format_exception(kind, exception, exception.__traceback__))
        described = {
            "exception.type": module + kind.__qualname__,
            "exception.message": words(exception),
            "exception.stacktrace": text,
            "exception.escaped": str(escaped),
            **(attributes or {}),
        }
        self.add_event("exception", described, timestamp)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        """Ends it; an exception that passes is recorded and makes its status an error."""
        if exc_val is not None and isinstance(exc_val, Exception) and not self.end_ns:
            self.record_exception(exc_val)
            self.set_status(StatusCode.ERROR, f"{type(exc_val).__name__}: {words(exc_val)}")
        self.end()
