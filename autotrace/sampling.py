"""Whether a call is traced: Envoy's decision, and who may overrule it.

All services of a fleet decide alike, because the decision hangs on the request id and not on a
random number of each. Only the share of requests that clients may force is drawn anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
# Of Envoy's OpenTracing tracers: the caller's span could not be read.
MALFORMED = "span_context_extraction_error"

# Envoy's fraction denominators.
HUNDRED = 100
TEN_THOUSAND = 10000
MILLION = 1000000

DENOMINATORS = {"HUNDRED": HUNDRED, "TEN_THOUSAND": TEN_THOUSAND, "MILLION": MILLION}

Fraction = tuple[int, int]

# reason, or what else is counted -> Envoy's counter of it
COUNTERS = {
    NOT_TRACEABLE: "not_traceable",
    SAMPLING: "random_sampling",
    SERVICE_FORCED: "service_forced",
    CLIENT_FORCED: "client_enabled",
    HEALTH_CHECK: "health_check",
    MALFORMED: "span_context_extraction_error",
}

# -> how many calls it was the final one of. A plain dictionary without a lock: two threads
# at the same moment may lose a count, which costs less than a lock in every call.
COUNTED = dict.fromkeys(COUNTERS, 0)


def counters() -> dict[str, int]:
    """Envoy's tracing counters of this process, by their names."""
    return {name: COUNTED[reason] for reason, name in COUNTERS.items()}


def client_fraction(percent: float) -> Fraction:
    """Envoy's fraction for the clients' share: whole percent, the rest cut off."""
    return int(percent), HUNDRED


def fraction(percent: float) -> Fraction:
    """Envoy's fraction for the random and the overall share: hundredths of a percent."""
    # Half away from zero, as C rounds; `round` would go to the even neighbour.
    return int(percent * 100 + 0.5), TEN_THOUSAND


# setting -> how its percentage becomes a fraction
CONVERSIONS: dict[str, Callable[[float], Fraction]] = {
    "client_sampling": client_fraction,
    "random_sampling": fraction,
    "overall_sampling": fraction,
}


def percent_to_fraction(setting: str, percent: float | None) -> Fraction:
    """Envoy's fraction for one of the three percentages; everything where none is configured."""
    return CONVERSIONS[setting](100.0 if percent is None else percent)


def given_fraction(given: Sequence[object] | None) -> Fraction:
    """A fraction as routes give it, with the denominator's name; everything where none is given."""
    if given is None:
        return HUNDRED, HUNDRED
    numerator, denominator = given
    return int(str(numerator)), DENOMINATORS[str(denominator)]


def passes(value: int, numerator: int, denominator: int) -> bool:
    """Whether a number falls into a share: so many of each so many numbers."""
    return value % denominator < numerator


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

    @classmethod
    def of_route(cls, tracing: Mapping[str, Sequence[object]]) -> Fractions:
        """The shares of a route, which stand in place of the listener's all three.

        What the route does not name is everything, whatever the listener says.
        """
        return cls(*(given_fraction(tracing.get(setting)) for setting in CONVERSIONS))


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

    def with_fractions(self, fractions: Fractions) -> Sampler:
        """The same decision by other shares: those of a route, or of the runtime."""
        return Sampler(fractions, self.packs, self.by_request_id)

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
            sampled = passes(value, shares.random, shares.random_of)
            reason = SAMPLING if sampled else NOT_TRACEABLE
        if reason != NOT_TRACEABLE and not passes(value, shares.overall, shares.overall_of):
            return NOT_TRACEABLE
        return reason

    def follow(
        self,
        request_id: str,
        integer: int | None,
        client_trace_id: bool,
        force_trace: bool,
        draw: Callable[[], int],
    ) -> tuple[str, str]:
        """The reason for an id that arrived, by its integer and the reason packed into it.

        Second the digit to pack into it, or nothing where it stays as it is: where nothing was
        decided, the digit of a UUID of version 7, say, is left alone. An id without an integer, or
        none at all, is never traced by Envoy, whoever asks for it.
        """
        if not self.by_request_id:
            return SAMPLING, ""
        if integer is None:
            return NOT_TRACEABLE, ""
        shares = self.fractions
        value = integer % TEN_THOUSAND
        reason = get_reason(request_id, self.packs)
        if reason == NOT_TRACEABLE:
            if client_trace_id or force_trace:
                reason = _wanted(value, shares, client_trace_id, force_trace, draw)
            # As `passes`, without the call: this is every unsampled request.
            elif value % shares.random_of < shares.random:
                reason = SAMPLING
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
    if client_trace_id and passes(draw(), shares.client, shares.client_of):
        return CLIENT_FORCED
    if force_trace:
        return SERVICE_FORCED
    return SAMPLING if passes(value, shares.random, shares.random_of) else NOT_TRACEABLE


def trace_integer(trace_id: str) -> int:
    """The number for stable sampling in a trace id: its right-most seven bytes, random by W3C."""
    return int(trace_id[-14:], 16)


def decision(reason: str, health_check: bool = False) -> tuple[str, bool]:
    """Envoy's verdict when the span begins: its reason, and whether it is traced."""
    if health_check:
        return HEALTH_CHECK, False
    return reason, reason != NOT_TRACEABLE
