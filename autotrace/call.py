"""The life of one call, inbound and outbound, and the core that decides about it.

The order is Envoy's: headers are read, the request id is kept or made, the trace reason is
computed and packed into it, and only what is sampled becomes a span. Recording and propagation
are independent: a call that is not recorded still hands its headers on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import translate
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext

from autotrace import context as ctx
from autotrace import guard, ids, propagation, request_id, sampling, trust
from autotrace.context import CALL, CURRENT, SPAN, Context, serving, suppressed
from autotrace.custom_tags import header_names
from autotrace.facts import Failure, Response
from autotrace.headers import Known, Names
from autotrace.propagation import baggage
from autotrace.span import CLIENT, INTERNAL, SERVER, Link, Reading, Span, Unrecorded, otel_context

if TYPE_CHECKING:
    from autotrace.config import Config

Pairs = list[tuple[str, str]]

REQUEST_ID = "x-request-id"
CLIENT_TRACE_ID = "x-client-trace-id"
FORCE_TRACE = "x-envoy-force-trace"
FORWARDED_FOR = "x-forwarded-for"
BAGGAGE = "baggage"

NO_HEADERS = Known()
SITE = guard.site("call")


class Inbound(Unrecorded):
    """One call that is being served, or the root of calls that nobody asked for.

    Of a sampled call `span` is its span. Of any other call this object itself stands for the
    span: OpenTelemetry sees a remote parent that is not recorded, and outbound calls hand on the
    ids that arrived. `sampled` is 0, 1, or 2 for debug.
    """

    __slots__ = (
        "_passive",
        "arrived",
        "baggage",
        "context",
        "core",
        "known",
        "parent_id",
        "request_id",
        "sampled",
        "span",
        "span_id",
        "trace_id",
        "tracestate",
    )

    def __init__(self, core: Core, known: Known, arrived: tuple[str, ...]) -> None:
        self.core = core
        self.known = known
        self.arrived = arrived
        self.trace_id = ""
        self.span_id = ""
        self.parent_id = ""
        self.tracestate = ""
        self.sampled = 0
        self.request_id: str | None = None
        self.span: Span | None = None
        self.baggage: object = None
        self._passive: Outbound | None = None
        self.context: Context = ctx.EMPTY

    # W3C's flag that the trace id is random; as it arrived.
    random = False

    def get_span_context(self) -> SpanContext:
        """The ids that arrived, or new ones: what an unrecorded span of the program continues."""
        self._identify()
        return otel_context(
            self.trace_id, self.span_id, bool(self.sampled), self.tracestate, is_remote=True
        )

    def _identify(self) -> None:
        if not self.trace_id:
            self.trace_id = self.core.new_trace_id()
        if not self.span_id:
            self.span_id = ids.new_span_id()

    def raised(self, error: BaseException) -> None:
        """Notes what the application raised, in words: the exception itself is not kept."""
        if self.span is not None:
            text = str(error)
            name = type(error).__name__
            self.span.reason = f"{name}: {text[:256]}" if text else name

    def finish(self, status: int, response_size: int, flags: tuple[str, ...] = ()) -> None:
        """The response is over; `status` is 0 if none was begun."""
        span = self.span
        if span is not None and not span.end_ns:
            span.status = status
            span.response_size = response_size
            span.flags = flags
            span.end()

    def passive(self) -> Outbound:
        """The outbound side of a call that is not recorded, the same for all of its calls."""
        passive = self._passive
        if passive is None:
            self._identify()
            passive = self._passive = self.core.unrecorded(self, self)
        return passive


class Outbound:
    """One exchange on the wire: the headers to send, and the span if it is recorded.

    `pairs` are lower-case names with values as on the wire, `replaced` all names that must not be
    sent besides them. `on_wire` is set by the layer that writes the request, so that a layer above
    may hand its exchange down. `owned_above`: that layer ends it after a failure.
    """

    __slots__ = ("on_wire", "owned_above", "pairs", "replaced", "span")

    def __init__(self, span: Span | None, pairs: Pairs, replaced: Sequence[str]) -> None:
        self.span = span
        self.pairs = pairs
        self.replaced = replaced
        self.on_wire = span is None
        self.owned_above = False

    def answered(self, response: Response) -> None:
        """The head of the response has arrived."""
        span = self.span
        if span is not None:
            span.status = response.status
            if response.protocol:
                span.protocol = response.protocol
            if response.peer is not None:
                span.peer = response.peer

    def failed(self, failure: Failure) -> None:
        """There is no (whole) response."""
        span = self.span
        if span is not None and not span.end_ns:
            span.flags = failure.flags
            span.reason = failure.reason
            span.end()

    def end(self) -> None:
        """The exchange is over."""
        if self.span is not None:
            self.span.end()

    def __del__(self) -> None:
        # Nobody read the response or closed it: over when nobody can any more.
        try:
            if self.span is not None and not self.span.end_ns:
                self.span.end()
        except Exception as error:
            # Python would print it.
            guard.failed(SITE, error)


class Core:
    """Everything configured, made ready so that a request decides by a few comparisons."""

    def __init__(self, config: Config, finish: Callable[[Span], None], reading: Reading) -> None:
        self.reading = reading
        self.finish = finish
        self.propagating = config.mode == "propagate"
        self.order = config.propagators
        self.names = _names(config, self.propagating)
        self.excluded = _exclusion(config.exclude)
        self.new_trace_id = ids.new_trace_id if config.trace_id_128bit else ids.new_short_trace_id
        self._generate = config.generate_request_id
        self._carried = frozenset((*propagation.FORWARDED, *config.forward_headers))
        self._custom_headers = header_names(config.custom_tags)
        self._trust = trust.Trust.from_config(config)
        self._sampler = sampling.Sampler.from_config(config)
        # What is sent, by what arrived. Few combinations exist, since only our names count.
        self._formats: dict[tuple[str, ...], propagation.Formats] = {}

    # Inbound.

    def inbound(self, known: Known, excluded: bool = False, peer: str = "") -> Inbound | None:
        """Begins a call: reads its headers, decides, and starts its span if it is sampled."""
        if self.propagating:
            return self._carrying(known) if known else None
        if not known:
            call = Inbound(self, known, ())
            self._decide(call, None, peer)
            if call.sampled and not excluded:
                self._record(call)
            call.context = serving(call, call.span or call)
            return call
        parent, arrived, others, wish = propagation.extract(known, self.order)
        call = Inbound(self, known, arrived)
        if parent is not None:
            call.trace_id = parent.trace_id
            call.span_id = parent.span_id
            call.parent_id = parent.parent_id
            call.tracestate = parent.tracestate
            if parent.random:
                call.random = True
        self._decide(call, wish, peer)
        if call.sampled and not excluded:
            self._record(call)
            self._record_headers(call, parent is not None, others)
        call.context = serving(call, call.span or call)
        if ctx.BAGGAGE and BAGGAGE in known:
            call.baggage = baggage.parse(baggage.carried(known))
            call.context = Context({**call.context, ctx.BAGGAGE: call.baggage})
        return call

    def _carrying(self, known: Known) -> Inbound:
        """Propagate mode: every known header goes out as it came in."""
        call = Inbound(self, known, ())
        call._passive = Outbound(None, propagation.carried(known, self.names.lower), tuple(known))
        call.context = serving(call, None)
        return call

    def _decide(self, call: Inbound, wish: int | None, peer: str) -> None:
        """The sampling decision, and the request id with the reason packed into it."""
        known = call.known
        sampler = self._sampler
        client = forced = False
        given = ""
        if known:
            client = CLIENT_TRACE_ID in known
            forwarded_for = known.get(FORWARDED_FOR)
            if FORCE_TRACE in known:
                forced = self._trust.is_internal(peer, forwarded_for)
            given = known.get(REQUEST_ID, "")
            if given and not propagation.acceptable(given):
                given = ""
            if self._trust.use_remote_address and self._trust.is_edge(peer, forwarded_for):
                given = ""
        if given or not self._generate:
            if not call.trace_id:
                # Its randomness decides where the request id has no number.
                call.trace_id = self.new_trace_id()
            reason, call.request_id = sampler.follow(
                given, call.trace_id, client, forced, ids.random_percent_draw
            )
        else:
            bits = ids.random_bits(128)
            reason = sampler.decide(bits >> 96, client, forced, ids.random_percent_draw)
            call.request_id = request_id.generate(
                bits, reason if sampler.packs else request_id.NOT_TRACEABLE
            )
        call.sampled = sampling.settle(wish, reason)

    def _record(self, call: Inbound) -> None:
        """Starts the server span of a sampled call."""
        span = call.span = Span(
            SERVER,
            call.trace_id or self.new_trace_id(),
            ids.new_span_id(),
            call.span_id,
            call.tracestate,
            call,
            self.reading,
            self.finish,
        )
        call.trace_id = span.trace_id
        if call.request_id:
            span.request_id = call.request_id
        if call.sampled > 1:
            span.sampled = call.sampled

    def _record_headers(
        self, call: Inbound, remote: bool, others: Sequence[propagation.Incoming]
    ) -> None:
        """What else a sampled call keeps of its headers."""
        span, known = call.span, call.known
        if span is None:
            return
        if remote:
            span.parent_is_remote = True
        if call.random:
            span.random = True
        if CLIENT_TRACE_ID in known:
            span.client_trace_id = known[CLIENT_TRACE_ID]
        if others:
            span.links = [Link(o.trace_id, o.span_id, o.tracestate) for o in others]
        if self._custom_headers:
            span.custom_headers = {n: known[n] for n in self._custom_headers if n in known}

    # Outbound.

    def outbound(self) -> Outbound | None:
        """Begins an exchange on the wire in the current context; None leaves it as it is."""
        context = CURRENT.get()
        if len(context) > 2 and suppressed(context):
            return None
        call = context.get(CALL)
        if self.propagating:
            return call._passive if isinstance(call, Inbound) else None
        current = context.get(SPAN)
        if current is call and isinstance(call, Inbound):
            outbound = call.passive()
        elif isinstance(current, Span):
            outbound = self._child(current, current.call)
        elif isinstance(current, trace.Span) and current.get_span_context().is_valid:
            outbound = self._below(current.get_span_context(), call)
        else:
            outbound = self._root()
        if ctx.BAGGAGE:
            outbound = self._with_baggage(outbound, context, call)
        return outbound

    def _child(self, parent: Span, call: object) -> Outbound:
        """Below a span of ours."""
        if not isinstance(call, Inbound):
            return self._root()
        span = self._client_span(parent.trace_id, parent.span_id, parent.tracestate, call)
        if parent.sampled > 1:
            span.sampled = parent.sampled
        if parent.random:
            span.random = True
        return self._outbound(span, call)

    def _below(self, parent: SpanContext, call: object) -> Outbound:
        """Below a span that the program's own provider made: its ids and its decision count."""
        if not isinstance(call, Inbound):
            call = Inbound(self, NO_HEADERS, ())
            self._decide(call, None, "")
        trace_id, span_id = f"{parent.trace_id:032x}", f"{parent.span_id:016x}"
        tracestate = parent.trace_state.to_header() if parent.trace_state else ""
        if parent.trace_flags.sampled:
            return self._outbound(self._client_span(trace_id, span_id, tracestate, call), call)
        elsewhere = Inbound(self, call.known, call.arrived)
        elsewhere.trace_id, elsewhere.span_id, elsewhere.tracestate = trace_id, span_id, tracestate
        return self.unrecorded(elsewhere, call)

    def _root(self) -> Outbound:
        """Nobody asked for this call: it begins a trace, or begins none."""
        call = self.root()
        if not call.sampled:
            outbound = call.passive()
            # Not shared: it is decided about once more for the next exchange.
            outbound.on_wire = False
            return outbound
        span = self._client_span(self.new_trace_id(), "", "", call)
        return self._outbound(span, call)

    def root(self) -> Inbound:
        """A call without an inbound one, decided about like any other."""
        call = Inbound(self, NO_HEADERS, ())
        self._decide(call, None, "")
        return call

    def internal(self, context: Context, kind: int = INTERNAL) -> trace.Span:
        """A span that the program makes by hand, below what is current in `context`."""
        parent = context.get(SPAN)
        call = context.get(CALL)
        if isinstance(parent, Span):
            ids_above = (parent.trace_id, parent.span_id, parent.tracestate)
            call = parent.call
        elif isinstance(parent, Inbound):
            return parent
        elif isinstance(parent, trace.Span) and parent.get_span_context().is_valid:
            above = parent.get_span_context()
            if not above.trace_flags.sampled:
                return NonRecordingSpan(above)
            state = above.trace_state.to_header() if above.trace_state else ""
            ids_above = (f"{above.trace_id:032x}", f"{above.span_id:016x}", state)
            call = call if isinstance(call, Inbound) else self.root()
        else:
            call = self.root()
            if not call.sampled:
                return call
            ids_above = (self.new_trace_id(), "", "")
        trace_id, parent_id, tracestate = ids_above
        return Span(
            kind,
            trace_id,
            ids.new_span_id(),
            parent_id,
            tracestate,
            call,
            self.reading,
            self.finish,
        )

    def _client_span(self, trace_id: str, parent_id: str, tracestate: str, call: Inbound) -> Span:
        return Span(
            CLIENT,
            trace_id,
            ids.new_span_id(),
            parent_id,
            tracestate,
            call,
            self.reading,
            self.finish,
        )

    def _outbound(self, span: Span, call: Inbound) -> Outbound:
        return Outbound(span, *self._headers(span, call))

    def unrecorded(self, identity: propagation.Identity, call: Inbound) -> Outbound:
        """The outbound side of what is not recorded."""
        return Outbound(None, *self._headers(identity, call))

    def _with_baggage(self, outbound: Outbound, context: Context, call: object) -> Outbound:
        """The baggage that the program set itself, in place of what arrived."""
        own = context.get(ctx.BAGGAGE)
        arrived = call.baggage if isinstance(call, Inbound) else None
        if own is None or own is arrived:
            return outbound
        pairs = [pair for pair in outbound.pairs if pair[0] != BAGGAGE]
        text = baggage.encode(own) if isinstance(own, Mapping) else ""
        if text:
            pairs.append((BAGGAGE, text))
        changed = Outbound(outbound.span, pairs, (*outbound.replaced, BAGGAGE))
        changed.on_wire = outbound.on_wire
        outbound.span = None
        return changed

    # Headers.

    def _headers(
        self, identity: propagation.Identity, call: Inbound
    ) -> tuple[Pairs, Sequence[str]]:
        """The headers of an outbound call, and all names that they stand in place of.

        The ids in every format that arrived or is configured, the request id, what is carried.
        """
        arrived = call.arrived
        formats = self._formats.get(arrived)
        if formats is None:
            formats = self._formats[arrived] = _formats(arrived, self.order)
        pairs: Pairs = []
        for inject in formats.injections:
            pairs += inject(identity)
        if call.request_id:
            pairs.append((REQUEST_ID, call.request_id))
        names: Sequence[str] = formats.names
        known = call.known
        if known:
            if BAGGAGE in known:
                text = baggage.carried(known)
                if text:
                    pairs.append((BAGGAGE, text))
            carried = propagation.carried(known, self._carried)
            if carried:
                pairs += carried
                names = (*names, *(name for name, _ in carried))
        return pairs, names


def _formats(arrived: tuple[str, ...], configured: tuple[str, ...]) -> propagation.Formats:
    injections, names = propagation.formats(arrived, configured)
    return propagation.Formats(injections, (*names, REQUEST_ID, BAGGAGE))


def _names(config: Config, propagating: bool) -> Names:
    """The request headers to look for."""
    names = {*propagation.OWNER, REQUEST_ID, *config.forward_headers}
    if not propagating:
        names |= {CLIENT_TRACE_ID, FORCE_TRACE, FORWARDED_FOR, *header_names(config.custom_tags)}
    return Names(names, propagation.FAMILIES)


def _exclusion(rules: Sequence[str]) -> Callable[[str, str], bool] | None:
    """Whether a method and path match one of the rules `METHOD glob`; None without rules."""
    if not rules:
        return None
    matches = re.compile("|".join(translate(rule) for rule in rules)).match
    return lambda method, path: matches(f"{method} {path}") is not None
