"""The core that decides about every call, once.

The order is Envoy's: headers are read, the request id is kept or made, the trace reason is
computed and packed into it, and only what is sampled becomes a span. Recording and propagation
are independent: a call that is not recorded still hands its headers on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import translate
from typing import TYPE_CHECKING, Any, TypeVar

from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext

from autotrace import context as ctx
from autotrace import ids, propagation, provider, response_headers, sampling, trust
from autotrace.call import Inbound, Outbound
from autotrace.context import CALL, CURRENT, OPERATION, SPAN, Context, suppressed
from autotrace.deciding import NOT_TRACED, SAMPLING, TEN_THOUSAND, Deciding
from autotrace.headers import Known
from autotrace.known_names import CLIENT_TRACE_ID, known_names
from autotrace.own_baggage import arrived_baggage, with_own_baggage
from autotrace.routes import INBOUND, OUTBOUND, Routes
from autotrace.sending import Sending
from autotrace.span import CLIENT, INTERNAL, Link, Reading, Span, span_kind
from autotrace.wanted_headers import wanted

if TYPE_CHECKING:
    from autotrace.config import Config
    from autotrace.facts import ClientRequest
    from autotrace.provider import Place, Tracer

    Subject = TypeVar("Subject")

COUNTED = sampling.COUNTED

_NOTHING_ELSE: frozenset[str] = frozenset()


class Core(Deciding, Sending):
    """Everything configured, made ready so that a request decides by a few comparisons.

    `looks`: decisions depend on what is asked for, so that calls come with their place. `asks_all`:
    there is more to do even about a call without any header that is known.
    """

    def __init__(
        self,
        config: Config,
        finish: Callable[[Span], None],
        reading: Reading,
        inbound_routes: Routes | None = None,
        outbound_routes: Routes | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self.reading = reading
        self.finish = finish
        self.propagating = config.mode == "propagate"
        self.verbose = config.verbose
        self.spans_sessions = config.websocket_sessions
        self._inbound_routes = inbound_routes or Routes(())
        self._outbound_routes = outbound_routes or Routes(())
        Deciding.__init__(self, config, (self._inbound_routes, self._outbound_routes), tracer)
        routes = [*self._inbound_routes, *self._outbound_routes]
        formats = [config.operation, config.upstream_operation]
        formats += [text for each in routes for text in (each.operation, each.upstream_operation)]
        tags = [*config.custom_tags, *(tag for each in routes for tag in each.custom_tags)]
        self._wanted = wanted(formats, tags)
        read = {
            *self._wanted.request,
            *self._inbound_routes.header_names(),
            *self._outbound_routes.header_names(),
            *(() if tracer is None else tracer.header_names),
        }
        # What Envoy makes of such a header depends on whom the request comes from.
        self._keeps_peer = any(map(trust.is_touched, self._wanted.request))
        if self._keeps_peer:
            read.add(trust.FORWARDED_FOR)
        self.names = known_names(config, read)
        Sending.__init__(self, config, self._outbound_routes, self.names, tracer)
        self.response_names = response_headers.names(self._wanted)
        self.response_names_raw = frozenset([name.encode() for name in self.response_names])
        self.tracer = tracer
        self._nothing = propagation.Planner((), frozenset(propagation.OWNER), ())
        self._excluded = _matcher(config.exclude)
        self._health_checks = _matcher(config.health_check_paths)
        self.looks = bool(
            self._excluded
            or self._health_checks
            or self._inbound_routes
            or (tracer is not None and tracer.asks)
        )
        self.asks_all = (
            tracer is not None
            or config.always_set_request_id_in_response
            or config.use_remote_address
        )
        self._spawns = config.spawn_upstream_span
        self._served_kind = span_kind(False, self._spawns)
        # Where calls have spans, one that nobody asked for is a child of none.
        self._called_kind = span_kind(True, self._spawns, child=self._spawns)

    # Inbound.

    def inbound(
        self, known: Known, place: Place | None = None, peer: str | None = ""
    ) -> Inbound | None:
        """Begins a call: reads its headers, decides, and starts its span if it is sampled."""
        if not known:
            if self.propagating:
                return None
            call = Inbound()
            call.core = self
            if place is not None or self.asks_all:
                return self._looked_at(call, place, peer or "")
            share = self._share
            if share is None:
                self._decide_new(call, False, False)
                COUNTED[call.reason] += 1
            else:
                # The same in fewer steps, since most requests come here.
                number = call.number = ids.random_bits(32)
                if number % TEN_THOUSAND >= share:
                    COUNTED[NOT_TRACED] += 1
                    return call
                COUNTED[SAMPLING] += 1
                call.sampled = 1
                call.reason = call.digit = SAMPLING
            if call.sampled:
                self._record(call)
            return call
        call = Inbound()
        call.core = self
        call.known = known
        if self.propagating:
            return call
        plan = call.plan = self._planner.plan(known)
        if place is not None or self.asks_all:
            return self._looked_at(call, place, peer or "")
        wish = self._join(call, plan)
        if plan.decides or not self._follow_usual(call):
            self._decide(call, peer or "")
        COUNTED[call.reason] += 1
        if wish is not None:
            # The caller's word counts, in both directions.
            call.sampled = wish
        if call.sampled:
            self._record(call)
            self._record_headers(call)
            if self._keeps_peer:
                call.peer = peer or ""
        if ctx.BAGGAGE and known:
            call.baggage = arrived_baggage(known)
        return call

    def _join(self, call: Inbound, plan: propagation.Plan) -> int | None:
        """Takes the caller's trace, sooner or later; its word about sampling."""
        if not plan.extractors:
            # A request id alone names no span and wishes nothing.
            return None
        if propagation.refuses(call.known, plan):
            call.unread = True
            return 0
        return self.read(call, plan)

    def read(self, call: Inbound, plan: propagation.Plan) -> int | None:
        """Takes the caller's trace by each format's own rules; its word about sampling."""
        call.unread = False
        parent, others, wish = propagation.extract(call.known, plan)
        if parent is not None:
            call.trace_id = parent.trace_id
            call.span_id = parent.span_id
            if parent.parent_id:
                call.parent_id = parent.parent_id
            call.parent = parent
            if parent.random:
                call.random = True
            if others:
                for other in others:
                    propagation.CONFLICTS[other.format] += 1
                call.others = others
                call.agreed = propagation.without(call.known, others)
        return wish

    def _looked_at(self, call: Inbound, place: Place | None, peer: str) -> Inbound:
        """Begins a call about which more is asked than most configurations ask."""
        known = call.known
        excluded = health_check = False
        if place is not None:
            host, method, path = place
            bare = path.partition("?")[0]
            excluded = self._excluded is not None and self._excluded(method, bare)
            health_check = self._health_checks is not None and self._health_checks(method, bare)
            if self._inbound_routes:
                call.route_rule = self._inbound_routes.find(method, host, path, known)
        if self.tracer is None:
            wish = self._join(call, call.plan or self._planner.nothing)
            self._decide(call, peer)
            if wish is not None:
                call.sampled = wish
        else:
            self._decide(call, peer)
        reason, _ = sampling.decision(call.reason, health_check)
        COUNTED[reason] += 1
        if health_check:
            call.sampled = 0
        own_ids = None
        if self.tracer is not None:
            own_ids = self._start(call, self.tracer, place)
        if call.sampled and not excluded and not health_check:
            self._record(call, own_ids)
            self._record_headers(call)
            call.peer = peer
        elif own_ids is not None:
            call.span_id, call.parent_id = own_ids
        if ctx.BAGGAGE and known:
            call.baggage = arrived_baggage(known)
        return call

    def _start(self, call: Inbound, tracer: Tracer, place: Place | None) -> tuple[str, str]:
        """Has one of Envoy's tracers take the caller's trace or begin one; the ids of its span."""
        verdict = tracer.start(
            call.known, bool(call.sampled), ids.random_word, place or provider.NOWHERE
        )
        if verdict.malformed:
            COUNTED[sampling.MALFORMED] += 1
        call.sampled = 0 if verdict.null else verdict.sampled
        call.shared = verdict.shared
        call.trace_id = verdict.trace_id
        call.tracestate = verdict.tracestate
        if verdict.attributes:
            call.sampling_attributes = verdict.attributes
        if verdict.null:
            # Nothing of it is written; what arrived goes on as it came.
            call.plan = self._nothing.plan(call.known)
        return tracer.span_ids(verdict, ids.random_word)

    def _record(self, call: Inbound, own_ids: tuple[str, str] | None = None) -> None:
        """Starts the server span of a sampled call."""
        if not call.trace_id:
            call.trace_id = self.new_trace_id()
        span = call.span = self._span(self._served_kind, call.trace_id, call.span_id, None, call)
        if own_ids is not None:
            span.span_id, span.parent_id = own_ids
        if call.sampled > 1:
            span.sampled = call.sampled
        if call.sampling_attributes:
            span.set_attributes(call.sampling_attributes)

    def _record_headers(self, call: Inbound) -> None:
        """What else a sampled call keeps of its headers."""
        span, known = call.span, call.known
        if span is None:
            return
        if span.parent_id:
            span.parent_is_remote = True
        if call.shared:
            span.shared = True
        if call.random:
            span.random = True
        if CLIENT_TRACE_ID in known:
            span.client_trace_id = known[CLIENT_TRACE_ID]
        if call.others:
            span.links = [
                Link(o.trace_id, o.span_id, o.tracestate) for o in call.others if o.span_id
            ]
        if call.operation:
            span.operation = call.operation
        route = call.route_rule
        if route is not None and route.cluster:
            span.upstream = route.cluster, route.cluster

    # Outbound.

    def is_passive(self) -> bool:
        """Whether an exchange that began here and now would certainly not be recorded."""
        return self.propagating or type(CURRENT.get().get(SPAN)) is Inbound

    def outbound(
        self, describe: Callable[[Subject], ClientRequest], subject: Subject
    ) -> Outbound | None:
        """Begins an exchange on the wire in the current context; None leaves it as it is.

        It is only described where somebody wants to know.
        """
        context = CURRENT.get()
        call = context.get(CALL)
        # A request's own context has two values, of which none is that wish.
        if (len(context) > 2 or call is None) and context and suppressed(context):
            return None
        request: ClientRequest | None = None
        if self.propagating:
            if type(call) is not Inbound:
                return None
            outbound = call.passive()
        else:
            current = context.get(SPAN)
            # By type: `isinstance` asks OpenTelemetry's abstract base class, in Python.
            if current is call and type(call) is Inbound and not self._differs(call):
                outbound = call.passive()
            else:
                request = describe(subject)
                outbound = self._asked(current, call, request)
                if OPERATION in context and outbound.span is not None:
                    outbound.span.operation = outbound.span.operation or str(context[OPERATION])
            if ctx.BAGGAGE:
                outbound = with_own_baggage(outbound, context, call)
        if outbound.confined and self._outside is not None:
            outbound = self._outside.fitted(outbound, request or describe(subject))
        return outbound

    def _differs(self, call: Inbound) -> bool:
        """Whether what a call sends differs by who is called, so that none serves for all."""
        return self._always_differs or (call.plan is not None and call.plan.by_hop)

    def _asked(self, current: object, call: object, request: ClientRequest) -> Outbound:
        """Begins an exchange of which the request is known."""
        if current is call and type(call) is Inbound:
            return self.unrecorded(call, call, request)
        if type(current) is Span:
            if not isinstance(current.call, Inbound):
                return self._root(request)
            if not self._spawns:
                return self._headers(current, current.call, None, request)
            return self._recorded(
                self._below_ours(self._called_kind, current), current.call, request
            )
        if isinstance(current, trace.Span) and current.get_span_context().is_valid:
            return self._below(current.get_span_context(), call, request)
        return self._root(request)

    def _below_ours(self, kind: int, parent: Span) -> Span:
        """A span below one of ours, with all that is handed down."""
        span = self._span(kind, parent.trace_id, parent.span_id, parent.states, parent.call)
        if parent.sampled > 1:
            span.sampled = parent.sampled
        if parent.random:
            span.random = True
        return span

    def _below(self, parent: SpanContext, call: object, request: ClientRequest) -> Outbound:
        """Below a span that the program's own provider made: its ids and its decision count."""
        if not isinstance(call, Inbound):
            call = self.root()
        trace_id, span_id, tracestate = _ids_of(parent)
        if parent.trace_flags.sampled and self._spawns:
            return self._recorded(
                self._span(self._called_kind, trace_id, span_id, tracestate, call), call, request
            )
        elsewhere = Inbound()
        elsewhere.core, elsewhere.known, elsewhere.plan = self, call.known, call.plan
        elsewhere.trace_id, elsewhere.span_id, elsewhere.tracestate = trace_id, span_id, tracestate
        elsewhere.sampled = int(parent.trace_flags.sampled)
        return self.unrecorded(elsewhere, call, request)

    def _root(self, request: ClientRequest) -> Outbound:
        """Nobody asked for this call: it begins a trace, or begins none."""
        call = Inbound()
        call.core = self
        if self._outbound_routes:
            call.route_rule = self._outbound_route(call, request)
        self._decide_new(call, False, False)
        COUNTED[call.reason] += 1
        own_ids = None
        if self.tracer is not None:
            own_ids = self._start(call, self.tracer, (request.host, request.method, request.target))
        if not call.sampled:
            if own_ids is not None:
                call.span_id, call.parent_id = own_ids
            outbound = self.unrecorded(call, call, request)
            # It is decided about once more for the next exchange.
            outbound.on_wire = False
            return outbound
        trace_id = call.trace_id or self.new_trace_id()
        span = self._span(self._called_kind, trace_id, "", None, call)
        if own_ids is not None:
            span.span_id = own_ids[0]
        if call.sampling_attributes:
            span.set_attributes(call.sampling_attributes)
        return self._recorded(span, call, request)

    def root(self) -> Inbound:
        """A call without an inbound one, decided about like any other."""
        call = Inbound()
        call.core = self
        self._decide_new(call, False, False)
        COUNTED[call.reason] += 1
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
        self, kind: int, trace_id: str, parent_id: str, states: str | None, call: object
    ) -> Span:
        span_id = ids.new_span_id()
        span = Span(kind, trace_id, span_id, parent_id, states, call, self.reading, self.finish)
        if self.tracer is not None:
            tags = self.tracer.start_tags(kind == CLIENT)
            if tags:
                span.attributes = tags
        return span

    # Headers.

    def unrecorded(
        self, identity: Inbound, call: Inbound, request: ClientRequest | None = None
    ) -> Outbound:
        """The outbound side of what is not recorded."""
        if self.propagating:
            known = call.known
            text = propagation.carry_text(known)
            pairs = [] if text else propagation.carry(known, tuple(known))
            outbound = Outbound(None, pairs, _NOTHING_ELSE, self._initials, known, text=text)
            if self._outside is not None:
                outbound.confined = self._outside.confines(call.known)
            return outbound
        if identity is not call:
            identity.identify()
        elif self._is_usual and call.plan is None and not call.sampled:
            return self._unasked(call)
        return self._headers(identity, call, None, request)

    def _recorded(self, span: Span, call: Inbound, request: ClientRequest) -> Outbound:
        """The outbound side of a span, which is named by its route where it has one."""
        span.request = request
        return self._headers(span, call, span, request)


def configured(config: Config, finish: Callable[[Span], None]) -> tuple[Core, str]:
    """The core as configured, and what is wrong with the options of its tracer, in words."""
    from autotrace.custom_tags import CustomTags
    from autotrace.naming import Naming
    from autotrace.tags import Reading as Tags

    tracer = provider.named(config)
    inbound = Routes.from_config(config.routes, INBOUND)
    outbound = Routes.from_config(config.routes, OUTBOUND)
    routes = [*inbound, *outbound]
    custom = CustomTags(config.custom_tags, routes, config.metadata)
    naming = Naming(
        config.operation,
        config.upstream_operation,
        routes,
        None if tracer is None else tracer.span_name,
        config.metadata,
    )
    reading = Tags(
        config.tags,
        config.node_id,
        config.zone,
        config.max_path_tag_length,
        custom,
        config.tags_include,
        config.tags_exclude,
        naming,
        config.verbose,
        None if tracer is None else tracer.status,
    )
    core = Core(config, finish, reading, inbound, outbound, tracer)
    return core, "" if tracer is None else tracer.problem


def _ids_of(context: SpanContext) -> tuple[str, str, str]:
    """Trace id, span id and tracestate as we write them."""
    return (
        trace.format_trace_id(context.trace_id),
        trace.format_span_id(context.span_id),
        context.trace_state.to_header() if context.trace_state else "",
    )


def _matcher(rules: Sequence[str]) -> Callable[[str, str], bool] | None:
    """Whether a method and path match one of the rules `METHOD glob`; None without rules."""
    if not rules:
        return None
    matches: Any = re.compile("|".join(translate(rule) for rule in rules)).match
    return lambda method, path: matches(f"{method} {path}") is not None
