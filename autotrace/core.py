"""The core that decides about every call, once.

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
from autotrace import ids, propagation, request_id, sampling, trust
from autotrace.call import Inbound, Outbound, Pairs
from autotrace.context import CALL, CURRENT, SPAN, Context, suppressed
from autotrace.custom_tags import header_names
from autotrace.headers import Known, Names
from autotrace.propagation import baggage
from autotrace.span import CLIENT, INTERNAL, SERVER, Link, Reading, Span

if TYPE_CHECKING:
    from autotrace.config import Config

REQUEST_ID = "x-request-id"
CLIENT_TRACE_ID = "x-client-trace-id"
FORCE_TRACE = "x-envoy-force-trace"
FORWARDED_FOR = "x-forwarded-for"
BAGGAGE = "baggage"

NOT_TRACED, SAMPLING = request_id.NOT_TRACEABLE, request_id.SAMPLING
TEN_THOUSAND = sampling.TEN_THOUSAND


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

    def inbound(
        self, known: Known, excluded: bool = False, peer: str | None = ""
    ) -> Inbound | None:
        """Begins a call: reads its headers, decides, and starts its span if it is sampled."""
        if not known:
            if self.propagating:
                return None
            call = Inbound(self)
            self._decide_new(call, False, False)
            if call.sampled and not excluded:
                self._record(call)
            return call
        if self.propagating:
            return Inbound(self, known)
        if len(known) == 1 and REQUEST_ID in known:
            # Alone it names no span and wishes nothing.
            parent, arrived, others, wish = propagation.NOTHING
        else:
            parent, arrived, others, wish = propagation.extract(known, self.order)
        call = Inbound(self, known, arrived)
        if parent is not None:
            call.trace_id = parent.trace_id
            call.span_id = parent.span_id
            if parent.parent_id:
                call.parent_id = parent.parent_id
            if parent.tracestate:
                call.tracestate = parent.tracestate
            if parent.random:
                call.random = True
        self._decide(call, peer or "")
        if wish is not None:
            # The caller's word counts, in both directions.
            call.sampled = wish
        if call.sampled and not excluded:
            self._record(call)
            self._record_headers(call, parent is not None, others)
        if ctx.BAGGAGE and BAGGAGE in known:
            call.baggage = baggage.parse(baggage.carried(known))
        return call

    def _decide(self, call: Inbound, peer: str) -> None:
        """The decision by what arrived, and the request id with the reason packed into it."""
        known = call.known
        given = known.get(REQUEST_ID, "")
        client = CLIENT_TRACE_ID in known
        forced = FORCE_TRACE in known
        if forced or self._trust.use_remote_address:
            forwarded_for = known.get(FORWARDED_FOR)
            forced = forced and self._trust.is_internal(peer, forwarded_for)
            if self._trust.is_edge(peer, forwarded_for):
                given = ""
        if given and propagation.acceptable(given):
            self._follow(call, given, client, forced)
        else:
            self._decide_new(call, client, forced)

    def _decide_new(self, call: Inbound, client: bool, forced: bool) -> None:
        """The decision about a call without a request id, and the id that it gets."""
        if not self._generate:
            self._follow(call, "", client, forced)
            return
        # Number and digit are all that is needed until the id is sent or read.
        number = call.number = ids.random_bits(32)
        sampler = self._sampler
        share = sampler.share
        if client or forced or share is None:
            reason = sampler.decide(number, client, forced, ids.random_percent_draw)
            sampled = reason != NOT_TRACED
        else:
            reason, sampled = SAMPLING, number % TEN_THOUSAND < share
        if sampled:
            call.sampled = 1
            if sampler.packs and sampler.by_request_id:
                call.digit = reason

    def _follow(self, call: Inbound, given: str, client: bool, forced: bool) -> None:
        """The decision by the request id that arrived; where it has no number, by the trace id."""
        sampler = self._sampler
        integer = request_id.to_integer(given)
        if integer is not None:
            reason, call.digit = sampler.follow(
                given, integer, client, forced, ids.random_percent_draw
            )
        else:
            if not call.trace_id:
                call.trace_id = self.new_trace_id()
            integer = sampling.trace_integer(call.trace_id)
            reason = sampler.decide(integer, client, forced, ids.random_percent_draw)
        call.given = given
        if reason != NOT_TRACED:
            call.sampled = 1

    def _record(self, call: Inbound) -> None:
        """Starts the server span of a sampled call."""
        if not call.trace_id:
            call.trace_id = self.new_trace_id()
        span = call.span = self._span(SERVER, call.trace_id, call.span_id, call.tracestate, call)
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
            return call.passive() if type(call) is Inbound else None
        current = context.get(SPAN)
        # By type: `isinstance` asks OpenTelemetry's abstract base class, in Python.
        if current is call and type(call) is Inbound:
            outbound = call.passive()
        elif type(current) is Span:
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
        return self._outbound(self._below_ours(CLIENT, parent), call)

    def _below_ours(self, kind: int, parent: Span) -> Span:
        """A span below one of ours, with all that is handed down."""
        span = self._span(kind, parent.trace_id, parent.span_id, parent.tracestate, parent.call)
        if parent.sampled > 1:
            span.sampled = parent.sampled
        if parent.random:
            span.random = True
        return span

    def _below(self, parent: SpanContext, call: object) -> Outbound:
        """Below a span that the program's own provider made: its ids and its decision count."""
        if not isinstance(call, Inbound):
            call = self.root()
        trace_id, span_id, tracestate = _ids_of(parent)
        if parent.trace_flags.sampled:
            return self._outbound(self._span(CLIENT, trace_id, span_id, tracestate, call), call)
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
        span = self._span(CLIENT, self.new_trace_id(), "", "", call)
        return self._outbound(span, call)

    def root(self) -> Inbound:
        """A call without an inbound one, decided about like any other."""
        call = Inbound(self)
        self._decide_new(call, False, False)
        return call

    def internal(self, context: Context, kind: int = INTERNAL) -> trace.Span:
        """A span that the program makes by hand, below what is current in `context`."""
        parent = context.get(SPAN)
        call = context.get(CALL)
        if isinstance(parent, Span):
            return self._below_ours(kind, parent)
        if isinstance(parent, Inbound):
            return parent
        if isinstance(parent, trace.Span) and parent.get_span_context().is_valid:
            above = parent.get_span_context()
            if not above.trace_flags.sampled:
                return NonRecordingSpan(above)
            ids_above = _ids_of(above)
            call = call if isinstance(call, Inbound) else self.root()
        else:
            call = self.root()
            if not call.sampled:
                return call
            ids_above = (self.new_trace_id(), "", "")
        return self._span(kind, *ids_above, call)

    def _span(
        self, kind: int, trace_id: str, parent_id: str, tracestate: str, call: object
    ) -> Span:
        span_id = ids.new_span_id()
        return Span(kind, trace_id, span_id, parent_id, tracestate, call, self.reading, self.finish)

    def _outbound(self, span: Span, call: Inbound) -> Outbound:
        return Outbound(span, *self._headers(span, call))

    def unrecorded(self, identity: Inbound, call: Inbound) -> Outbound:
        """The outbound side of what is not recorded."""
        if self.propagating:
            return Outbound(
                None, propagation.carried(call.known, self.names.lower), tuple(call.known)
            )
        identity.identify()
        return Outbound(None, *self._headers(identity, call))

    def _with_baggage(self, outbound: Outbound, context: Context, call: object) -> Outbound:
        """The baggage that the program set itself, in place of what arrived."""
        own = context.get(ctx.BAGGAGE)
        arrived = call.baggage if isinstance(call, Inbound) else None
        if own is None or own is arrived:
            return outbound
        pairs = [pair for pair in outbound.pairs if pair[0] != BAGGAGE]
        text = _changed_baggage(call, own) if isinstance(own, Mapping) else ""
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
            pairs += inject(identity, call.known, propagation.NOWHERE)
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


def _ids_of(context: SpanContext) -> tuple[str, str, str]:
    """Trace id, span id and tracestate as we write them."""
    return (
        trace.format_trace_id(context.trace_id),
        trace.format_span_id(context.span_id),
        context.trace_state.to_header() if context.trace_state else "",
    )


def _changed_baggage(call: object, own: Mapping[str, object]) -> str:
    """The program's baggage as a header; entries that it left alone stay as they arrived."""
    before = call.baggage if isinstance(call, Inbound) else None
    if not isinstance(call, Inbound) or not isinstance(before, dict):
        return baggage.encode(own)
    changes = {key: value for key, value in own.items() if before.get(key) != value}
    return baggage.merge(
        baggage.carried(call.known), {**dict.fromkeys(before.keys() - own.keys()), **changes}
    )


def _formats(arrived: tuple[str, ...], configured: tuple[str, ...]) -> propagation.Formats:
    injections, names = propagation.formats(arrived, configured)
    return propagation.Formats(injections, (*names, REQUEST_ID, BAGGAGE))


def _names(config: Config, propagating: bool) -> Names:
    """The request headers to look for."""
    names = {*propagation.OWNER, REQUEST_ID, *config.forward_headers}
    if not propagating:
        names |= {CLIENT_TRACE_ID, FORCE_TRACE, *header_names(config.custom_tags)}
    families = {**propagation.FAMILIES, FORCE_TRACE: FORWARDED_FOR}
    if config.use_remote_address:
        names.add(FORWARDED_FOR)
    # The client's address only matters where somebody asks to be believed.
    return Names(names, families)


def _exclusion(rules: Sequence[str]) -> Callable[[str, str], bool] | None:
    """Whether a method and path match one of the rules `METHOD glob`; None without rules."""
    if not rules:
        return None
    matches = re.compile("|".join(translate(rule) for rule in rules)).match
    return lambda method, path: matches(f"{method} {path}") is not None
