"""Whether a call is traced: Envoy's decision, and who may overrule it.

All services of a fleet decide alike, because the decision hangs on the request id and not on a
random number of each. Only the share of requests that clients may force is drawn anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from autotrace.request_id import (
    CLIENT_FORCED,
    NOT_TRACEABLE,
    SAMPLING,
    SERVICE_FORCED,
    get_reason,
)

if TYPE_CHECKING:
    from autotrace.config import Config

HEALTH_CHECK = "health_check"

# Envoy's fraction denominators.
HUNDRED = 100
TEN_THOUSAND = 10000
MILLION = 1000000

Fraction = tuple[int, int]

# reason -> Envoy's counter of it
COUNTERS = {
    NOT_TRACEABLE: "not_traceable",
    SAMPLING: "random_sampling",
    SERVICE_FORCED: "service_forced",
    CLIENT_FORCED: "client_enabled",
    HEALTH_CHECK: "health_check",
}


def client_fraction(percent: float) -> Fraction:
    """Envoy's fraction for the clients' share: whole percent, the rest cut off."""
    return int(percent), HUNDRED


def fraction(percent: float) -> Fraction:
    """Envoy's fraction for the random and the overall share: hundredths of a percent."""
    # Half away from zero, as C rounds; `round` would go to the even neighbour.
    return int(percent * 100 + 0.5), TEN_THOUSAND


class Fractions:
    """The three shares, each a number of how many."""

    __slots__ = ("client", "client_of", "overall", "overall_of", "random", "random_of")

    def __init__(self, client: Fraction, random: Fraction, overall: Fraction) -> None:
        self.client, self.client_of = client
        self.random, self.random_of = random
        self.overall, self.overall_of = overall

    @classmethod
    def of_percents(
        cls, client: float = 100.0, random: float = 100.0, overall: float = 100.0
    ) -> Fractions:
        """The shares as the configuration names them."""
        return cls(client_fraction(client), fraction(random), fraction(overall))


class Sampler:
    """The decision as configured. `draw` is asked for a random number only when it is needed."""

    __slots__ = ("by_request_id", "fractions", "packs", "share")

    def __init__(
        self, fractions: Fractions, packs: bool = True, by_request_id: bool = True
    ) -> None:
        self.fractions = fractions
        self.packs = packs
        self.by_request_id = by_request_id
        # What `decide` comes to where nobody forces anything: so many of ten thousand numbers.
        self.share: int | None = None
        if not by_request_id:
            self.share = TEN_THOUSAND
        elif fractions.random_of == fractions.overall_of == TEN_THOUSAND:
            self.share = min(fractions.random, fractions.overall)

    @classmethod
    def from_config(cls, config: Config) -> Sampler:
        """The sampler that the settings describe."""
        return cls(
            Fractions.of_percents(
                config.client_sampling, config.random_sampling, config.overall_sampling
            ),
            config.pack_trace_reason,
            config.use_request_id_for_trace_sampling,
        )

    def decide(
        self,
        integer: int,
        client_trace_id: bool,
        force_trace: bool,
        draw: Callable[[], int],
    ) -> str:
        """The reason for an id that is just being made, by its integer."""
        if not self.by_request_id:
            return SAMPLING
        shares = self.fractions
        value = integer % TEN_THOUSAND
        if client_trace_id or force_trace:
            reason = _wanted(value, shares, client_trace_id, force_trace, draw)
        else:
            reason = SAMPLING if value % shares.random_of < shares.random else NOT_TRACEABLE
        if reason != NOT_TRACEABLE and value % shares.overall_of >= shares.overall:
            return NOT_TRACEABLE
        return reason

    def follow(
        self,
        request_id: str,
        integer: int,
        client_trace_id: bool,
        force_trace: bool,
        draw: Callable[[], int],
    ) -> tuple[str, str]:
        """The reason for an id that arrived, by its integer and the reason packed into it.

        Second the digit to pack into it, or nothing where it stays as it is: where nothing was
        decided, the digit of a UUID of version 7, say, is left alone.
        """
        if not self.by_request_id:
            return SAMPLING, ""
        shares = self.fractions
        value = integer % TEN_THOUSAND
        reason = get_reason(request_id) if self.packs else NOT_TRACEABLE
        if reason == NOT_TRACEABLE:
            reason = _wanted(value, shares, client_trace_id, force_trace, draw)
            if reason == NOT_TRACEABLE:
                return reason, ""
        if value % shares.overall_of >= shares.overall:
            reason = NOT_TRACEABLE
        return reason, reason if self.packs else ""


def _wanted(
    value: int,
    shares: Fractions,
    client_trace_id: bool,
    force_trace: bool,
    draw: Callable[[], int],
) -> str:
    """The reason before the overall share cuts it: the client, an internal service, the dice."""
    if client_trace_id and draw() % shares.client_of < shares.client:
        return CLIENT_FORCED
    if force_trace:
        return SERVICE_FORCED
    return SAMPLING if value % shares.random_of < shares.random else NOT_TRACEABLE


def trace_integer(trace_id: str) -> int:
    """The number for stable sampling in a trace id: its right-most seven bytes, random by W3C."""
    return int(trace_id[-14:], 16)


def decision(reason: str, health_check: bool = False) -> tuple[str, bool]:
    """Envoy's verdict when the span begins: its reason, and whether it is traced."""
    if health_check:
        return HEALTH_CHECK, False
    return reason, reason != NOT_TRACEABLE
