"""The life of one call, inbound and outbound: what it knows, and when it is over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import TYPE_CHECKING

from opentelemetry.trace import SpanContext

from autotrace import decorator, grpc_status, guard, ids, propagation, trust
from autotrace.facts import (
    NO_ROUTE,
    RETRY_LIMIT,
    ClientRequest,
    Failure,
    Response,
    ServerRequest,
)
from autotrace.failure import reason
from autotrace.headers import NO_HEADERS, Known
from autotrace.propagation import twofold
from autotrace.request_id import HEADER, NOT_TRACEABLE, generate, set_reason
from autotrace.span import Span, Unrecorded, otel_context

if TYPE_CHECKING:
    from autotrace.core import Core
    from autotrace.propagation import Incoming, Plan
    from autotrace.propagation.twofold import Told
    from autotrace.routes import Route

Pairs = list[tuple[str, str]]

# Headers that can be the program's own without another word about the trace.
_NO_TRACE = frozenset(("x-request-id", "baggage", "sw8-correlation", "sw8-x"))
_TRACE = frozenset(propagation.OWNER) - _NO_TRACE
# Those that Envoy writes over whatever is there.
_OVERWRITTEN = frozenset((decorator.HEADER, trust.CLUSTER, trust.NODE))

NOT_FOUND = 404

SITE = guard.site("call")


class Inbound(Unrecorded):
    """One call that is being served, or the root of calls that nobody asked for.

    Of a sampled call `span` is its span, until it has ended. Of any other call this object itself
    stands for the span: OpenTelemetry sees a remote parent that is not recorded, and outbound
    calls hand on the ids that arrived. `sampled` is 0, 1, or 2 for debug.
    """

    # Attributes of the class, so that one is made by few assignments: most requests need no more.
    known = NO_HEADERS
    # What is done about the headers that arrived; None without any.
    plan: Plan | None = None
    # The headers of the formats that name this trace, where others name another one.
    agreed: Known | None = None
    trace_id = ""
    span_id = ""
    parent_id = ""
    # Whether these are still to be read: what is not sampled may never need them.
    unread = False
    sampled = 0
    # W3C's flag that the trace id is random; as it arrived.
    random = False
    span: Span | None = None
    # Whether the framework says that its body is data, in which no code of the program runs; and
    # that body, by which an outer layer knows it.
    sends_data = False
    data: object = None
    # What the program sees of the baggage that arrived.
    baggage: object = None
    # Whether a handler of `http.server` answers it by hand, which may be by calling an application.
    by_hand = False
    _passive: Outbound | None = None
    # The request id is made when it is first needed: of one that arrived, or else of a random
    # number, with the digit of the trace reason in it.
    given: str | None = None
    number = 0
    digit = ""
    _request_id: str | None = None
    # Envoy's reason for the decision: the digit, packed or not.
    reason = NOT_TRACEABLE
    # Whether it entered from outside here, so that its sender is not believed.
    edge = False
    # The address that connected, where tags and names depend on it.
    peer = ""
    # The configured route, what names the span, and what the response is to tell.
    route_rule: Route | None = None
    operation = ""
    response_headers: Sequence[tuple[str, str]] = ()
    # Whether its span has the caller's id.
    shared = False
    # What a tracer's sampler says of its span.
    sampling_attributes: Mapping[str, str] | None = None
    # Spans of other traces that it was told of.
    others: Sequence[Incoming] = ()
    # What is looked at when it is needed only.
    parent: Incoming | None = None
    _tracestate: str | None = None

    # No __init__: assignments after the making cost half, and it happens in every request.
    core: Core

    @property
    def tracestate(self) -> str:
        """W3C's `tracestate` of the caller, fit for sending on."""
        made = self._tracestate
        if made is None:
            made = self._tracestate = self.parent.tracestate if self.parent is not None else ""
        return made

    @tracestate.setter
    def tracestate(self, text: str) -> None:
        self._tracestate = text

    @property
    def request_id(self) -> str:
        """The request id to send on, the trace reason packed into it; empty without any."""
        made = self._request_id
        if made is None:
            given = self.given
            if given is None:
                bits = self.number << 96 | ids.random_bits(96)
                made = generate(bits, self.digit or NOT_TRACEABLE)
            else:
                made = set_reason(given, self.digit) if self.digit else given
            self._request_id = made
        return made

    def get_span_context(self) -> SpanContext:
        """The ids that arrived, or new ones: what an unrecorded span of the program continues."""
        self.identify()
        return otel_context(
            self.trace_id, self.span_id, bool(self.sampled), self.tracestate, is_remote=True
        )

    def read(self) -> None:
        """Reads the ids that arrived, unless that has been done."""
        if self.unread and self.plan is not None:
            self.core.read(self, self.plan)

    def identify(self) -> None:
        """Reads the ids that arrived, and makes those that did not."""
        if self.unread:
            self.read()
        if not self.trace_id:
            self.trace_id = self.core.new_trace_id()
        if not self.span_id:
            self.span_id = ids.new_span_id()

    def raised(self, error: BaseException) -> None:
        """Notes what the application raised, in words: the exception itself is not kept."""
        if self.span is not None:
            self.span.reason = reason(error)

    def finish(self, status: int, response_size: int, flags: tuple[str, ...] = ()) -> None:
        """The response is over; `status` is 0 if none was begun."""
        span = self.span
        if span is not None:
            # Let go of it, since it holds us: what is not collected at once costs a collection.
            self.span = None
            span.status = status
            span.response_size = response_size
            if self.core.verbose and status and not flags:
                span.note("first_downstream_tx_byte_sent")
                span.note("last_downstream_tx_byte_sent")
            if status == NOT_FOUND and isinstance(span.request, ServerRequest):
                flags = (*flags, NO_ROUTE) if span.request.unrouted else flags
            span.flags = flags
            span.end()

    def passive(self) -> Outbound:
        """The outbound side of a call that is not recorded, the same for all of its calls."""
        passive = self._passive
        if passive is None:
            passive = self._passive = self.core.unrecorded(self, self)
        return passive


def _passed(span: Span, instant: str) -> None:
    """Notes that it is one of Envoy's instants now, where they are wanted."""
    call = span.call
    if isinstance(call, Inbound) and call.core.verbose and not span.end_ns:
        span.note(instant)


def _flags(span: Span, flags: tuple[str, ...], status: int) -> tuple[str, ...]:
    """The flags of an attempt that came to this, and whether it was the last one."""
    request = span.request
    last = isinstance(request, ClientRequest) and status in request.given_up_at
    return (*flags, RETRY_LIMIT) if last else flags


class Outbound:
    """One exchange on the wire: the headers to send, and the span if it is recorded.

    `pairs` are lower-case names with values as on the wire, `lines` the same as HTTP/1.1 has them,
    and `replaced` the other names that must not be sent besides them. `on_wire` is set by the layer
    that writes the request, so that a layer above may hand its exchange down. `owned_above`: that
    layer ends it after a failure.
    """

    __slots__ = (
        "_all",
        "_both",
        "_lines",
        "_pairs",
        "_request_id",
        "_text",
        "confined",
        "initials",
        "known",
        "on_wire",
        "owned_above",
        "replaced",
        "span",
    )

    def __init__(
        self,
        span: Span | None,
        pairs: Pairs,
        replaced: Set[str],
        initials: Set[bytes],
        known: Known = NO_HEADERS,
        both: Told | None = None,
        request_id: str = "",
        text: str = "",
    ) -> None:
        self.span = span
        # What is sent, in the form in which it was made: libraries want it in one or the other.
        self._both = both
        self._request_id = request_id
        # Whatever is known, as it came.
        self._text = text
        self._pairs = pairs
        self._all: Pairs | None = None
        self.replaced = replaced
        # What arrived with the call that causes it, by which copies are told.
        self.known = known
        # How lines begin that may be one of our headers.
        self.initials = initials
        self._lines: bytes | None = None
        self.on_wire = span is None
        self.owned_above = False
        # Whether there may be something in it that not every host is told.
        self.confined = False

    def add(self, name: str, value: str) -> None:
        """Sends a further header."""
        self._pairs.append((name, value))

    @property
    def pairs(self) -> Pairs:
        """The headers to send."""
        made = self._all
        if made is None:
            made = self._all = [] if self._both is None else twofold.pairs(self._both)
            if self._request_id:
                made.append((HEADER, self._request_id))
            made += self.known.items() if self._text else self._pairs
        return made

    @property
    def lines(self) -> bytes:
        """The same as HTTP/1.1 has them, without a last line end; empty without any.

        Made once: all calls that a call which is not recorded makes send the same.
        """
        made = self._lines
        if made is None:
            text = self._text if self._both is None else twofold.text(self._both)
            if self._request_id:
                own = f"x-request-id: {self._request_id}"
                text = f"{text}\r\n{own}" if text else own
            if self._pairs:
                rest = "\r\n".join(map(": ".join, self._pairs))
                text = f"{text}\r\n{rest}" if text else rest
            made = self._lines = text.encode("latin-1")
        return made

    @property
    def is_plain(self) -> bool:
        """Whether all of it are ids that were made here, in the formats of digits: any protocol
        can send it as it is.
        """
        return self._both is not None and not self._pairs and not self.known

    def beside(self, own: Iterable[tuple[str, str]]) -> Outbound:
        """The headers to send beside those that the program has set (lower-case names, values).

        What it has copied from the inbound call by hand is replaced, as it names the wrong parent.
        What it has made is its own: another tracer's span, its request id, its baggage.
        """
        known = self.known
        kept = {name for name, value in own if self.replaces(name) and value not in known.all(name)}
        kept -= _OVERWRITTEN
        if not kept:
            return self
        if not kept.isdisjoint(_TRACE):
            # A trace is told in one voice.
            kept |= _TRACE
        pairs = [pair for pair in self.pairs if pair[0] not in kept]
        return Outbound(None, pairs, self.replaced - kept, self.initials, known)

    def instead(self, pairs: Pairs, replaced: Set[str]) -> Outbound:
        """The same exchange with other headers, in place of this one."""
        made = Outbound(self.span, pairs, replaced, self.initials, self.known)
        made.on_wire = self.on_wire
        # It would be ended with this one.
        self.span = None
        return made

    def replaces(self, name: str) -> bool:
        """Whether a header of the program's, lower-case, is one that ours stand in place of."""
        return name in self.replaced or any(name == sent for sent, _ in self.pairs)

    def answered(self, response: Response) -> None:
        """The head of the response has arrived."""
        span = self.span
        if span is not None:
            span.status = response.status
            if response.status:
                _passed(span, "first_upstream_rx_byte_received")
            span.flags = _flags(span, (), response.status)
            if response.protocol:
                span.protocol = response.protocol
            if response.peer is not None:
                span.peer = response.peer
            headers = response.headers
            if headers:
                span.operation = decorator.answered(span.operation, headers.get(decorator.HEADER))
                grpc_status.note(span, headers)
                span.response_headers = headers

    def failed(self, failure: Failure) -> None:
        """There is no (whole) response."""
        span = self.span
        if span is not None and not span.end_ns:
            span.flags = _flags(span, failure.flags, 0)
            span.reason = failure.reason
            if failure.canceled:
                span.canceled = True
            span.end()

    def end(self) -> None:
        """The exchange is over."""
        span = self.span
        if span is not None:
            if span.status:
                _passed(span, "last_upstream_rx_byte_received")
            span.end()

    def __del__(self) -> None:
        # Nobody read the response or closed it: over when nobody can any more.
        try:
            if self.span is not None and not self.span.end_ns:
                self.span.end()
        except Exception as error:
            # Python would print it.
            guard.failed(SITE, error)
