"""Every service of a fleet decides about an id as an Envoy with the same percentages would.

Envoy's rule stands here a second time, as plain arithmetic on the text of the id, so that nobody
can change ours without being told.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NamedTuple

import pytest

from autotrace.config import Config
from autotrace.core import Core
from autotrace.headers import NO_HEADERS, Known
from autotrace.request_id import set_reason, to_integer
from autotrace.sampling import Fractions, Sampler
from autotrace.tags import Reading

COUNT = 100_000
# Numerator and denominator.
Share = tuple[int, int]
NONE, ALL = (0, 100), (100, 100)


class Shares(NamedTuple):
    """The three shares of a listener or a route."""

    client: Share = ALL
    random: Share = ALL
    overall: Share = ALL


def envoy(
    request_id: str, shares: Shares, client: bool, forced: bool, drawn: int
) -> tuple[bool, str]:
    """Whether Envoy traces a request, and its id afterwards."""
    number = int(request_id[:8], 16) % 10_000
    digit = "4"
    if len(request_id) == 36 and request_id[14] in "9ab":
        digit = request_id[14]
    elif client and drawn % shares.client[1] < shares.client[0]:
        digit = "b"
    elif forced:
        digit = "a"
    elif number % shares.random[1] < shares.random[0]:
        digit = "9"
    else:
        return False, request_id
    if number % shares.overall[1] >= shares.overall[0]:
        digit = "4"
    if len(request_id) == 36:
        request_id = request_id[:14] + digit + request_id[15:]
    return digit != "4", request_id


def ours(
    sampler: Sampler, request_id: str, client: bool, forced: bool, drawn: int
) -> tuple[bool, str]:
    """The same by the product."""
    integer = to_integer(request_id)
    assert integer is not None
    reason, digit = sampler.follow(request_id, integer, client, forced, lambda: drawn)
    return reason != "4", set_reason(request_id, digit) if digit else request_id


def request_ids(seed: int, digits: str) -> list[str]:
    """So many random ids with one of the digits where the reason stands."""
    random = Random(seed)
    made = []
    for _ in range(COUNT):
        text = f"{random.getrandbits(128):032x}"
        digit = random.choice(digits)
        made.append(f"{text[:8]}-{text[8:12]}-{digit}{text[13:16]}-{text[16:20]}-{text[20:]}")
    return made


PLAIN = request_ids(1, "4")
# Packed by somebody, and what looks as if it were.
PACKED = request_ids(2, "49abAB17")


@pytest.mark.parametrize(
    ("random", "overall", "expected"),
    [
        (100, 100, Shares(random=(10_000, 10_000), overall=(10_000, 10_000))),
        (0, 100, Shares(random=(0, 10_000), overall=(10_000, 10_000))),
        (100, 0, Shares(random=(10_000, 10_000), overall=(0, 10_000))),
        (1, 100, Shares(random=(100, 10_000), overall=(10_000, 10_000))),
        (0.01, 100, Shares(random=(1, 10_000), overall=(10_000, 10_000))),
        (33.335, 100, Shares(random=(3334, 10_000), overall=(10_000, 10_000))),
        (50, 50, Shares(random=(5000, 10_000), overall=(5000, 10_000))),
        (99.99, 12.5, Shares(random=(9999, 10_000), overall=(1250, 10_000))),
    ],
)
def test_percentages_mean_the_same(random: float, overall: float, expected: Shares) -> None:
    core = made(random_sampling=random, overall_sampling=overall)
    for request_id in (*PLAIN, *PACKED[:20_000]):
        call = core.inbound(Known({"x-request-id": request_id}))
        assert call is not None
        decided = (bool(call.sampled), call.request_id)
        assert decided == envoy(request_id, expected, False, False, 0)


@pytest.mark.parametrize(
    "shares",
    [
        Shares(),
        Shares(random=NONE),
        Shares(overall=NONE),
        Shares(random=(3, 100), overall=(50, 100)),
        # As routes have them. A million is more than the numbers that are looked at.
        Shares(random=(1, 10_000), overall=(7323, 10_000)),
        Shares(random=(5000, 1_000_000), overall=(999_999, 1_000_000)),
        Shares(random=(200, 100), overall=(1, 100)),
        Shares(random=(1, 100), overall=(5000, 10_000)),
    ],
)
def test_a_packed_reason_is_followed_up_to_the_overall_share(shares: Shares) -> None:
    sampler = Sampler(Fractions(*shares))
    for request_id in PACKED:
        assert ours(sampler, request_id, False, False, 0) == envoy(
            request_id, shares, False, False, 0
        )


@pytest.mark.parametrize("client", [False, True])
@pytest.mark.parametrize("forced", [False, True])
@pytest.mark.parametrize(
    "shares",
    [
        Shares(client=NONE, random=(1, 100)),
        Shares(client=(30, 100), random=(1, 100), overall=(90, 100)),
        Shares(client=(5000, 1_000_000), random=NONE),
    ],
)
def test_who_wants_a_trace_gets_it_alike(client: bool, forced: bool, shares: Shares) -> None:
    sampler = Sampler(Fractions(*shares))
    random = Random(3)
    for request_id in PACKED[: COUNT // 4]:
        drawn = random.getrandbits(32)
        assert ours(sampler, request_id, client, forced, drawn) == envoy(
            request_id, shares, client, forced, drawn
        )


@pytest.mark.parametrize("respelled", [str.upper, lambda text: text[:8], lambda text: text[:-1]])
def test_other_ids_decide_by_their_first_eight_digits(respelled: Callable[[str], str]) -> None:
    shares = Shares(random=(3, 10), overall=(70, 100))
    sampler = Sampler(Fractions(*shares))
    for request_id in map(respelled, PACKED[: COUNT // 4]):
        assert ours(sampler, request_id, False, False, 0) == envoy(
            request_id, shares, False, False, 0
        )


def test_an_id_that_is_made_here_was_decided_about_as_any_that_arrives() -> None:
    core = made(random_sampling=25)
    shares = Shares(random=(2500, 10_000))
    sampled = 0
    for _ in range(COUNT):
        call = core.inbound(NO_HEADERS)
        assert call is not None
        plain = set_reason(call.request_id, "4")
        assert (bool(call.sampled), call.request_id) == envoy(plain, shares, False, False, 0)
        sampled += bool(call.sampled)
    assert 0.24 < sampled / COUNT < 0.26


def test_the_next_service_decides_as_the_first_one_did() -> None:
    first, second = made(random_sampling=25), made(random_sampling=1)
    for request_id in PLAIN:
        before = first.inbound(Known({"x-request-id": request_id}))
        assert before is not None
        after = second.inbound(Known({"x-request-id": before.request_id}))
        assert after is not None
        # What was not traced by a higher share is not traced by a lower one.
        assert (after.sampled, after.request_id) == (before.sampled, before.request_id)


def made(**settings: float) -> Core:
    """The core by these settings."""
    return Core(Config(**settings), lambda span: None, Reading())  # type: ignore[arg-type]
