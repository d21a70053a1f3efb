"""The decision about a call: its request id, whom to believe, whether it is traced, its names.

Envoy's order: the request id is kept or made, the reason is computed and packed into it.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic
from typing import TYPE_CHECKING

from autotrace import decorator, ids, propagation, request_id, sampling, trust
from autotrace.call import Inbound
from autotrace.known_names import CLIENT_TRACE_ID, FORCE_TRACE
from autotrace.runtime import Samplers

if TYPE_CHECKING:
    from autotrace.config import Config
    from autotrace.provider import Tracer
    from autotrace.routes import Routes

REQUEST_ID = request_id.HEADER
NOT_TRACED, SAMPLING = request_id.NOT_TRACEABLE, request_id.SAMPLING
TEN_THOUSAND = sampling.TEN_THOUSAND
# Longer than any usual request id.
_USUAL = 128


class Deciding:
    """The part of the core that decides, made ready so that it takes a few comparisons."""

    def __init__(self, config: Config, routes: Iterable[Routes], tracer: Tracer | None) -> None:
        self.new_trace_id = ids.new_trace_id if config.trace_id_128bit else ids.new_short_trace_id
        # Envoy's tracers never look for a number in the trace id.
        self._by_trace_id = tracer is None
        self._generates = config.generate_request_id
        self._preserves = config.preserve_external_request_id
        self._tells_request_id = config.always_set_request_id_in_response
        self._formatted = bool(config.operation)
        self.trust = trust.Trust.from_config(config)
        self._samplers = Samplers(
            sampling.Sampler.from_config(config), tuple(routes), config.runtime_file
        )
        self._watches = bool(config.runtime_file)
        # Of ten thousand calls without headers, how many are traced, where nothing else decides.
        self._share: int | None = None
        sampler = self._samplers.listener
        if self._generates and not self._watches and sampler.packs and sampler.by_request_id:
            self._share = sampler.share
        # The same of calls that bring a request id.
        self._share_followed = self._share
        if sampler.fractions.random > sampler.fractions.overall:
            # What the overall share cuts off has been looked at, and gets its digit.
            self._share_followed = None

    def _decide(self, call: Inbound, peer: str) -> None:
        """The decision by what arrived, and the request id with the reason packed into it."""
        known = call.known
        given = known.get(REQUEST_ID, "")
        client = CLIENT_TRACE_ID in known
        forced = FORCE_TRACE in known
        edge = False
        if forced or self.trust.use_remote_address:
            came_for = trust.forwarded_for(known)
            forced = forced and self.trust.is_internal(peer, came_for)
            edge = self.trust.is_edge(peer, came_for)
            if edge:
                packs = self._samplers.listener.packs
                given = request_id.kept(given, True, self._generates, self._preserves, packs)
                call.edge = True
        # The common ones without a call.
        if given and (
            (len(given) <= _USUAL and given.isascii() and given.isprintable())
            or propagation.acceptable(given)
        ):
            self._follow(call, given, client, forced)
        else:
            self._decide_new(call, client, forced)
        if forced or self._tells_request_id:
            told = request_id.response(call.request_id or None, self._tells_request_id, forced)
            if told is not None:
                call.response_headers = ((REQUEST_ID, told),)
        if decorator.HEADER in known or call.route_rule is not None:
            self._decorate(call, None if edge else known.get(decorator.HEADER))

    def _decorate(self, call: Inbound, header: str | None) -> None:
        """What names the span of a call, and what its response tells of that."""
        route = call.route_rule
        formatted = self._formatted or (route is not None and bool(route.operation))
        operation, propagate = ("", False) if route is None else (route.decorator, route.propagate)
        call.operation, echo = decorator.served(operation, propagate, header, formatted)
        if echo:
            call.response_headers = (*call.response_headers, (decorator.HEADER, echo))

    def _sampler(self, call: Inbound) -> sampling.Sampler:
        """What decides about a call now: its route's shares, else the listener's."""
        samplers = self._samplers
        if self._watches:
            now = monotonic()
            if now >= samplers.due:
                samplers.refresh(now)
        route = call.route_rule
        return samplers.listener if route is None else route.sampler or samplers.listener

    def _decide_new(self, call: Inbound, client: bool, forced: bool) -> None:
        """The decision about a call without a request id, and the id that it gets."""
        if not self._generates:
            self._follow(call, "", client, forced)
            return
        # Number and digit are all that is needed until the id is sent or read.
        number = call.number = ids.random_bits(32)
        if self._watches or call.route_rule is not None:
            sampler = self._sampler(call)
        else:
            sampler = self._samplers.listener
        share = sampler.share
        if client or forced or share is None:
            reason = sampler.decide(number, client, forced, ids.random_percent_draw)
        else:
            reason = SAMPLING if number % TEN_THOUSAND < share else NOT_TRACED
        call.reason = reason
        if reason != NOT_TRACED:
            call.sampled = 1
            if sampler.packs and sampler.by_request_id:
                call.digit = reason

    def _follow_usual(self, call: Inbound) -> bool:
        """The decision by a UUID without a reason in it, where nothing else has a say.

        The same as by `_follow`, in half the steps, since most calls of a mesh come here; whatever
        is not as usual is left to that.
        """
        given = call.known.get(REQUEST_ID)
        share = self._share_followed
        if (
            share is None
            or given is None
            or len(given) != request_id.LENGTH
            or not given.isascii()
            or not given.isprintable()
            or given[request_id.REASON_INDEX] in request_id.REASONS
        ):
            return False
        number = request_id.to_integer(given)
        if number is None:
            return False
        call.given = given
        if number % TEN_THOUSAND < share:
            call.sampled = 1
            call.reason = call.digit = SAMPLING
        return True

    def _follow(self, call: Inbound, given: str, client: bool, forced: bool) -> None:
        """The decision by the request id that arrived."""
        if self._watches or call.route_rule is not None:
            sampler = self._sampler(call)
        else:
            sampler = self._samplers.listener
        integer = request_id.to_integer(given)
        if integer is not None or not self._by_trace_id:
            reason, call.digit = sampler.follow(
                given, integer, client, forced, ids.random_percent_draw
            )
        else:
            # Where the id has no number the trace id has one. Envoy would never trace it.
            call.read()
            if not call.trace_id:
                call.trace_id = self.new_trace_id()
            integer = sampling.trace_integer(call.trace_id)
            reason = sampler.decide(integer, client, forced, ids.random_percent_draw)
        call.given = given
        call.reason = reason
        if reason != NOT_TRACED:
            call.sampled = 1
