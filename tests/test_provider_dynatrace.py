"""Dynatrace's sampler: what it reads and writes, and how it shares out traces among requests.

The figures are those of Envoy's own tests of it.
"""

from __future__ import annotations

import pytest

from autotrace.provider.asked import Asked
from autotrace.provider.dynatrace import Dynatrace, tenant_id
from autotrace.provider.dynatrace_rates import Rates, exponents
from autotrace.provider.most_frequent import MostFrequent

TRACE = "67a9a23155e1741b5b35368e08e6ece5"
KEY = "5b3f9fed-980df25c@dt"
NEW = f"{KEY}=fw4;0;0;0;0;0;0;95"
SAMPLED = f"{KEY}=fw4;4;4af38366;0;0;0;0;123;8eae;2h01;3h4af38366"
IGNORED = f"{KEY}=fw4;4;4af38366;0;0;1;2;123;8eae;2h01;3h4af38366"


class Clock:
    """Time that a test lets pass."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def sampler(per_minute: int = 0, clock: Clock | None = None) -> Dynatrace:
    """The sampler of one tenant."""
    return Dynatrace("abc12345", -1743916452, per_minute, clock or Clock())


def test_a_trace_that_begins_is_told_to_all_others() -> None:
    assert sampler()(Asked(None, TRACE)) == (True, NEW, {"supportability.atm_sampling_ratio": "1"})


@pytest.mark.parametrize(
    "tracestate",
    [
        "some_vendor=some_value",
        f"{KEY}=fw4;4",
        f"{KEY}=fw4;4;4af38366;0;0;0;X;123",
        f"{KEY}=fw3;4;4af38366;0;0;0;0;123;8eae",
        "6666ad40-980df25c@dt=fw4;4;4af38366;0;0;1;2;123",
    ],
)
def test_what_says_nothing_of_this_cluster_is_kept_behind(tracestate: str) -> None:
    answer = sampler()(Asked(True, TRACE, tracestate=tracestate))
    assert answer[:2] == (True, f"{NEW},{tracestate}")


def test_the_decision_of_whoever_began_the_trace_is_final() -> None:
    assert sampler()(Asked(True, TRACE, tracestate=f"a=b,{SAMPLED}"))[:2] == (True, None)
    answer = sampler()(Asked(True, TRACE, tracestate=IGNORED))
    assert answer == (
        False,
        None,
        {"supportability.atm_sampling_ratio": "4", "sampling.threshold": "54043195528445952"},
    )


def test_the_number_of_a_tenant() -> None:
    assert (tenant_id("abc12345"), tenant_id("")) == (0x5B3F9FED, 0)
    assert tenant_id("\u00e9") == tenant_id("??")


def test_the_first_minute_goes_by_how_much_has_come() -> None:
    one = sampler(200)

    def sampled(count: int) -> int:
        place = ("", "GET", "/path?query")
        return sum(one(Asked(None, str(1000 + n), place=place)).sampled for n in range(count))

    assert [sampled(count) for count in (99, 100, 100, 700)] == [99, 59, 28, 22]


def test_a_minute_goes_by_what_came_in_the_one_before() -> None:
    clock = Clock()
    rates = Rates(100, clock)
    for kind, count in (("a", 300), ("b", 200), ("c", 100)):
        for _ in range(count):
            rates.exponent(kind)
    clock.now += 60
    assert [rates.exponent(kind) for kind in ("a", "b", "c")] == [3, 2, 1]
    # What is new goes by the rarest.
    assert rates.exponent("d") == 1
    clock.now += 180
    assert rates.exponent("a") == 0


def test_exponents_share_out_what_is_wanted() -> None:
    counts = [("1", 8600), ("2", 5000), ("3", 4000), ("4", 4000), ("5", 3000)]
    counts += [("6", 30), ("7", 3), ("8", 1)]
    found = exponents(counts, 1000)
    assert list(found.values()) == [6, 5, 5, 4, 3, 0, 0, 0]
    assert sum(count >> found[kind] for kind, count in counts) == 1074
    assert exponents([("1", 7500), ("2", 1000)] + [(str(n), 1) for n in range(3, 17)], 1000) == {
        "1": 3,
        "2": 1,
        **{str(n): 0 for n in range(3, 17)},
    }
    assert exponents([], 1000) == {}
    # Fewer wanted than there are kinds.
    assert exponents([(str(n), 5) for n in range(100)], 1)["0"] == 2


def test_more_kinds_than_there_is_room_for() -> None:
    seen = MostFrequent(100)
    for kind, count in (("1", 2000), ("2", 1000), ("3", 750), ("4", 100), ("5", 50)):
        for _ in range(count):
            seen.add(kind)
    for number in range(2100):
        seen.add(str(1_000_000 + number))
    counts = seen.counts()
    assert (seen.total, len(counts), sum(count for _, count in counts)) == (6000, 100, 6000)
    found = exponents(counts, 1000)
    assert [found[kind] for kind in "12345"] == [7, 6, 6, 3, 2]
    assert sum(count >> found[kind] for kind, count in counts) == 1110
    assert found[counts[-1][0]] == 1
