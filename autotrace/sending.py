"""The headers of an outbound call: the trace in every format, the request id, what is carried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autotrace import decorator, propagation, trust
from autotrace.call import Inbound, Outbound, Pairs
from autotrace.facts import ServerRequest
from autotrace.headers import NO_HEADERS
from autotrace.known_names import DECIDING, initials
from autotrace.operation import origin_form
from autotrace.outside import Outside
from autotrace.propagation import NOWHERE, Hop, baggage

if TYPE_CHECKING:
    from autotrace.config import Config
    from autotrace.facts import ClientRequest
    from autotrace.headers import Names
    from autotrace.propagation.twofold import Told
    from autotrace.provider import Tracer
    from autotrace.routes import Route, Routes
    from autotrace.span import Span

BAGGAGE = baggage.BAGGAGE


class Sending:
    """The part of the core that writes headers."""

    def __init__(self, config: Config, routes: Routes, names: Names, tracer: Tracer | None) -> None:
        self._outbound_routes = routes
        self._by_route = bool(routes)
        self._upstream_formatted = bool(config.upstream_operation)
        says = {trust.USER_AGENT} if config.add_user_agent else set()
        self._initials = initials(names.lower | trust.AT_THE_EDGE | says)
        self._planner = _planner(config, tracer)
        nothing = self._planner.nothing
        # Whether what calls send differs by who is called, so that none serves for all.
        self._always_differs = self._by_route or nothing.by_hop
        self._service = config.service_name, config.node_id
        self._says_who = _says_who(config)
        self._outside = Outside.from_config(config)
        self._is_usual = (
            nothing.both
            and not self._says_who
            and not self._always_differs
            and config.trace_id_128bit
            and (self._outside is None or not self._outside.always)
        )

    def _headers(
        self,
        identity: Span | Inbound,
        call: Inbound,
        span: Span | None,
        request: ClientRequest | None,
    ) -> Outbound:
        """An outbound call with its headers, and all names that they stand in place of.

        The ids in every format that arrived or is configured, the request id, what is carried.
        """
        plan = call.plan or self._planner.nothing
        known = call.known
        both: Told | None = None
        pairs: Pairs = []
        if identity is call:
            if call.unread:
                both = propagation.as_it_came(known, plan)
            if both is None:
                call.identify()
        if plan.both:
            both = both or propagation.inject_both(identity)
        else:
            told = known if call.agreed is None else call.agreed
            hop = self._hop_of(call, request) if plan.by_hop else NOWHERE
            for inject in plan.injections:
                pairs += inject(identity, told, hop)
        if known:
            if BAGGAGE in known:
                entries = baggage.carried(known)
                if entries:
                    pairs.append((BAGGAGE, entries))
            if plan.carried:
                pairs += propagation.carry(known, plan.carried)
        if self._says_who:
            carried = plan.carried
            pairs += [pair for pair in self._says_who if pair[0] not in carried]
        id_ = call.request_id
        outbound = Outbound(span, pairs, plan.replaced, self._initials, known, both, id_)
        if self._outside is not None and (known or self._outside.always):
            outbound.confined = self._outside.confines(known)
        if request is not None and self._by_route:
            self._tell_route(outbound, self._outbound_route(call, request))
        return outbound

    def _unasked(self, call: Inbound) -> Outbound:
        """`_headers` of a call that brought nothing and is not sampled, as it usually is sent.

        In half the steps, since most calls are like that.
        """
        if not call.span_id:
            call.identify()
        trace_id, span_id = call.trace_id, call.span_id
        both = f"00-{trace_id}-{span_id}-00", "", trace_id, span_id, "", 0
        replaced = self._planner.nothing.replaced
        return Outbound(None, [], replaced, self._initials, NO_HEADERS, both, call.request_id)

    def _hop_of(self, call: Inbound, request: ClientRequest | None) -> Hop:
        """Who calls whom, out of which operation."""
        service, instance = self._service
        served = None if call.span is None else call.span.request
        endpoint = origin_form(served.target) if isinstance(served, ServerRequest) else ""
        address = "" if request is None else f"{request.host}:{request.port}"
        return Hop(service, instance, endpoint.partition("?")[0], address)

    def _outbound_route(self, call: Inbound, request: ClientRequest) -> Route | None:
        host = f"{request.host}:{request.port}" if request.port else request.host
        return self._outbound_routes.find(request.method, host, request.target, call.known)

    def _tell_route(self, outbound: Outbound, route: Route | None) -> None:
        """Names an outbound call by its route, and tells whom it calls."""
        if route is None:
            return
        formatted = self._upstream_formatted or bool(route.upstream_operation)
        told = decorator.told(route.decorator, route.propagate, formatted)
        if told:
            outbound.add(decorator.HEADER, told)
        if outbound.span is not None:
            outbound.span.outbound_route = route
            outbound.span.operation = route.decorator
            if route.cluster:
                outbound.span.upstream = route.cluster, route.cluster


def _planner(config: Config, tracer: Tracer | None) -> propagation.Planner:
    forwarded = frozenset((*propagation.FORWARDED, *config.forward_headers))
    everything = forwarded | frozenset(propagation.OWNER)
    if config.no_context_propagation:
        return propagation.Planner((), forwarded, (), DECIDING)
    if tracer is None:
        return propagation.Planner(config.propagators, forwarded, deciding=DECIDING)
    # What Envoy's tracer does not write passes through Envoy as it came.
    return propagation.Planner(tracer.injects, everything, tracer.injections, DECIDING)


def _says_who(config: Config) -> Pairs:
    """The headers by which outbound calls tell who calls."""
    if not config.add_user_agent:
        return []
    # A `user-agent` of the program's own stands in place of ours (`Outbound.beside`).
    written = trust.user_agent(NO_HEADERS, config.service_name, config.node_id)
    return [pair for pair in written.items() if propagation.acceptable(pair[1])]
