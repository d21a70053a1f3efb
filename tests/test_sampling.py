"""The decision: Envoy's order, its fractions, and who overrules it."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from autotrace.request_id import (
    CLIENT_FORCED,
    NOT_TRACEABLE,
    SAMPLING,
    SERVICE_FORCED,
    generate,
    get_reason,
    set_reason,
    to_integer,
)
from autotrace.sampling import (
    COUNTED,
    COUNTERS,
    HEALTH_CHECK,
    MILLION,
    TEN_THOUSAND,
    Fractions,
    Sampler,
    client_fraction,
    counters,
    decision,
    fraction,
    given_fraction,
    passes,
    percent_to_fraction,
    trace_integer,
)

# Its remainder is 7323.
ID = "125a4afb-6f55-{}4ba-ad80-413f09f48a28"
PLAIN = ID.format("4")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def drawing(number: int) -> Callable[[], int]:
    return lambda: number


def undrawn() -> int:
    raise AssertionError("a random number was drawn that nobody needs")


@pytest.mark.parametrize(
    ("percent", "numerator"),
    [
        (0, 0),
        (0.004, 0),
        (0.005, 1),
        (0.01, 1),
        (0.1, 10),
        (12.5, 1250),
        (73.23, 7323),
        (100, 10000),
    ],
)
def test_random_and_overall_shares_have_steps_of_a_hundredth(
    percent: float, numerator: int
) -> None:
    assert fraction(percent) == (numerator, TEN_THOUSAND)


@pytest.mark.parametrize(("percent", "numerator"), [(0, 0), (0.9, 0), (1.9, 1), (100, 100)])
def test_the_clients_share_is_cut_to_whole_percent(percent: float, numerator: int) -> None:
    assert client_fraction(percent) == (numerator, 100)


# client, random, overall percent; packed digit; client trace id; force trace; draw -> reason
FOLLOWED = [
    (100, 100, 100, "4", False, False, None, SAMPLING),
    (100, 0, 100, "4", False, False, None, NOT_TRACEABLE),
    (100, 73.23, 100, "4", False, False, None, NOT_TRACEABLE),
    (100, 73.24, 100, "4", False, False, None, SAMPLING),
    (100, 100, 73.23, "4", False, False, None, NOT_TRACEABLE),
    (100, 100, 73.24, "4", False, False, None, SAMPLING),
    (100, 80, 75, "4", False, False, None, SAMPLING),
    (100, 100, 0, "4", False, False, None, NOT_TRACEABLE),
    # A reason that came packed is kept, whatever else is asked for, up to the overall share.
    (100, 0, 100, "9", False, False, None, SAMPLING),
    (100, 0, 100, "a", True, False, None, SERVICE_FORCED),
    (100, 0, 100, "b", False, True, None, CLIENT_FORCED),
    (100, 100, 50, "9", False, False, None, NOT_TRACEABLE),
    (100, 100, 10, "b", False, False, None, NOT_TRACEABLE),
    # Clients are drawn anew, and a lost draw falls through.
    (100, 0, 100, "4", True, False, 0, CLIENT_FORCED),
    (50, 0, 100, "4", True, False, 49, CLIENT_FORCED),
    (50, 0, 100, "4", True, False, 50, NOT_TRACEABLE),
    (50, 0, 100, "4", True, False, 150, NOT_TRACEABLE),
    (50, 100, 100, "4", True, False, 50, SAMPLING),
    (50, 0, 100, "4", True, True, 50, SERVICE_FORCED),
    (100, 0, 100, "4", True, True, 0, CLIENT_FORCED),
    (100, 0, 0, "4", True, True, 0, NOT_TRACEABLE),
    (100, 0, 100, "4", False, True, None, SERVICE_FORCED),
    (100, 100, 100, "7", False, False, None, SAMPLING),
]


def follow(
    sampler: Sampler, request_id: str, client: bool, force: bool, draw: Callable[[], int]
) -> tuple[str, str]:
    """The reason, and the id as it is sent on."""
    integer = to_integer(request_id)
    assert integer is not None
    reason, digit = sampler.follow(request_id, integer, client, force, draw)
    return reason, set_reason(request_id, digit) if digit else request_id


@pytest.mark.parametrize(
    ("client", "rand", "overall", "digit", "traced_by_client", "forced", "draw", "reason"),
    FOLLOWED,
)
def test_an_id_that_arrived(
    client: float,
    rand: float,
    overall: float,
    digit: str,
    traced_by_client: bool,
    forced: bool,
    draw: int | None,
    reason: str,
) -> None:
    sampler = Sampler(Fractions.of_percents(client, rand, overall))
    drawn = undrawn if draw is None else drawing(draw)
    followed = follow(sampler, ID.format(digit), traced_by_client, forced, drawn)
    assert followed == (reason, ID.format(reason))


@pytest.mark.parametrize(("overall", "kept"), [(100, ID.format("7")), (0, ID.format("7"))])
def test_the_digit_of_a_uuid7_stays_where_nothing_is_decided(overall: float, kept: str) -> None:
    sampler = Sampler(Fractions.of_percents(100, 0, overall))
    assert follow(sampler, ID.format("7"), False, False, undrawn) == (NOT_TRACEABLE, kept)


def test_the_digit_of_a_uuid7_is_overwritten_by_a_decision_that_is_taken_back() -> None:
    sampler = Sampler(Fractions.of_percents(100, 100, 0))
    assert follow(sampler, ID.format("7"), False, False, undrawn) == (NOT_TRACEABLE, PLAIN)


def test_packing_off_neither_reads_nor_writes_the_reason() -> None:
    sampler = Sampler(Fractions.of_percents(random=0), packs=False)
    forced = ID.format("a")
    assert follow(sampler, forced, False, False, undrawn) == (NOT_TRACEABLE, forced)
    assert follow(sampler, PLAIN, False, True, undrawn) == (SERVICE_FORCED, PLAIN)


def test_without_the_request_id_everything_is_sampled() -> None:
    sampler = Sampler(Fractions.of_percents(0, 0, 0), by_request_id=False)
    assert follow(sampler, PLAIN, False, False, undrawn) == (SAMPLING, PLAIN)
    assert sampler.decide(7, False, False, undrawn) == SAMPLING


def test_a_short_and_a_widened_trace_id_have_one_number() -> None:
    assert trace_integer("a3ce929d0e0e4736") == trace_integer("0" * 16 + "a3ce929d0e0e4736")


@pytest.mark.parametrize(
    ("share", "reason"),
    [
        ((23, 100), NOT_TRACEABLE),
        ((24, 100), SAMPLING),
        ((5000, MILLION), NOT_TRACEABLE),
        ((7324, MILLION), SAMPLING),
    ],
)
def test_a_routes_fractions_may_have_other_denominators(
    share: tuple[int, int], reason: str
) -> None:
    sampler = Sampler(Fractions((100, 100), share, (100, 100)))
    assert follow(sampler, PLAIN, False, False, undrawn)[0] == reason


@pytest.mark.parametrize("percent", [0, 0.01, 1, 33.33, 50, 99.99, 100])
def test_the_decision_is_envoys_over_100000_ids(percent: float) -> None:
    sampler = Sampler(Fractions.of_percents(random=percent))
    generator = random.Random(7)
    threshold = round(percent * 100)
    for _ in range(100_000):
        bits = generator.getrandbits(128)
        expected = bits >> 96
        traced = sampler.decide(expected, False, False, undrawn) == SAMPLING
        assert traced == (expected % 10000 < threshold)


def test_an_id_is_decided_alike_when_it_is_made_and_when_it_arrives() -> None:
    sampler = Sampler(Fractions.of_percents(random=40, overall=60))
    generator = random.Random(7)
    for _ in range(2000):
        bits = generator.getrandbits(128)
        reason = sampler.decide(bits >> 96, False, False, undrawn)
        arrived = generate(bits)
        assert int(arrived[:8], 16) == bits >> 96
        assert follow(sampler, arrived, False, False, undrawn) == (
            reason,
            generate(bits, reason),
        )
        assert get_reason(generate(bits, reason)) == reason


@pytest.mark.parametrize(
    ("reason", "health_check", "verdict", "counter"),
    [
        (SAMPLING, False, (SAMPLING, True), "random_sampling"),
        (SERVICE_FORCED, False, (SERVICE_FORCED, True), "service_forced"),
        (CLIENT_FORCED, False, (CLIENT_FORCED, True), "client_enabled"),
        (NOT_TRACEABLE, False, (NOT_TRACEABLE, False), "not_traceable"),
        (SERVICE_FORCED, True, (HEALTH_CHECK, False), "health_check"),
    ],
)
def test_from_reason_to_decision(
    reason: str, health_check: bool, verdict: tuple[str, bool], counter: str
) -> None:
    assert decision(reason, health_check) == verdict
    assert COUNTERS[verdict[0]] == counter


@pytest.mark.parametrize(
    ("value", "numerator", "denominator", "passed"),
    [
        (0, 0, 100, False),
        (0, 1, 100, True),
        (1, 1, 100, False),
        (150, 60, 100, True),
        (4294967295, 7295, 10000, False),
        (4294967295, 7296, 10000, True),
        (9, 200, 100, True),
    ],
)
def test_a_number_passes_below_the_numerator(
    value: int, numerator: int, denominator: int, passed: bool
) -> None:
    assert passes(value, numerator, denominator) is passed


@pytest.mark.parametrize(
    ("setting", "percent", "fraction"),
    [
        ("client_sampling", None, (100, 100)),
        ("client_sampling", 0.9, (0, 100)),
        ("random_sampling", None, (10000, 10000)),
        ("overall_sampling", 12.5, (1250, 10000)),
    ],
)
def test_each_percentage_has_its_denominator(
    setting: str, percent: float | None, fraction: tuple[int, int]
) -> None:
    assert percent_to_fraction(setting, percent) == fraction


@pytest.mark.parametrize(
    ("given", "fraction"),
    [(None, (100, 100)), ([5, "HUNDRED"], (5, 100)), ((5, "MILLION"), (5, 1000000))],
)
def test_a_route_gives_its_fractions_itself(
    given: list[object] | None, fraction: tuple[int, int]
) -> None:
    assert given_fraction(given) == fraction


def test_a_routes_shares_replace_all_of_the_listeners() -> None:
    listener = Sampler(Fractions.of_percents(0, 0, 0), packs=False)
    route = listener.with_fractions(Fractions.of_route({"random_sampling": [24, "HUNDRED"]}))
    assert route.follow(PLAIN, 7323, False, False, undrawn) == (SAMPLING, "")
    assert route.follow(PLAIN, 7324, False, False, undrawn) == (NOT_TRACEABLE, "")
    assert route.packs is False


def test_without_an_integer_nobody_forces_a_trace() -> None:
    sampler = Sampler(Fractions.of_percents())
    assert sampler.follow("bb", None, True, True, undrawn) == (NOT_TRACEABLE, "")


def test_the_counters_have_envoys_names() -> None:
    before = counters()
    COUNTED[CLIENT_FORCED] += 1
    assert counters() == {**before, "client_enabled": before["client_enabled"] + 1}
