"""What a Dynatrace server says of the number of new traces that it wants."""

from __future__ import annotations

import json
from time import monotonic

import pytest

from autotrace.config import Config
from autotrace.export.polling import Poll
from autotrace.provider.asked import Asked
from autotrace.provider.dynatrace_rates import Rates
from autotrace.provider.dynatrace_server import FIRST, INTERVAL, WantedTraces
from autotrace.provider.opentelemetry import Options
from tests.export_server import PATIENCE, Reply, collecting

SAMPLER = {"dynatrace": {"tenant": "abc12345", "cluster_id": 3, "root_spans_per_minute": 500}}
TRACE = "67a9a23155e1741b5b35368e08e6ece5"


def rates() -> Rates:
    """The rates of a sampler that wants 500 traces a minute unless the server says otherwise."""
    return Rates(500, lambda: 1000.0)


def server(of: Rates, timeout: float = 10.0) -> WantedTraces:
    """Who asks."""
    return WantedTraces("http://localhost/", {}, timeout, of)


def test_it_is_asked_when_envoy_would_ask() -> None:
    assert (server(rates()).first, FIRST, INTERVAL) == (10.0, 10.0, 300.0)
    # No two questions at once.
    assert server(rates(), 3600.0).timeout == 150.0


def test_the_number_counts_until_another_one_comes() -> None:
    of = rates()
    asking = server(of)
    assert asking.answered(200, b'{"rootSpansPerMinute": 2000}') == (INTERVAL, "")
    assert of.per_minute == 2000
    assert asking.answered(503, b"") == (INTERVAL, "answered 503")
    assert asking.answered(0, b"") == (INTERVAL, "")
    assert of.per_minute == 2000
    asking.answered(200, b'{"rootSpansPerMinute": 1}')
    assert of.per_minute == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"x", b"[]", b"{}", b'{"rootSpansPerMinute": null}', b'{"rootSpansPerMinute":"x"}'],
)
def test_without_a_number_the_configured_one_counts_again(body: bytes) -> None:
    of = rates()
    asking = server(of)
    asking.answered(200, b'{"rootSpansPerMinute": 2000}')
    seconds, problem = asking.answered(200, body)
    assert seconds == INTERVAL
    assert "rootSpansPerMinute" in problem
    assert of.per_minute == 500


@pytest.mark.parametrize("status", [301, 401, 403, 404])
def test_a_server_that_says_no_is_not_asked_again(status: int) -> None:
    assert server(rates()).answered(status, b"") == (0.0, f"answered {status}")


@pytest.mark.parametrize("wrapped", [False, True])
def test_the_sampler_goes_by_what_the_server_says(
    wrapped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WantedTraces, "first", 0.01)
    with collecting(Reply(body=json.dumps({"rootSpansPerMinute": 2}).encode())) as dynatrace:
        sampler = {"parent_based": {"wrapped_sampler": SAMPLER}} if wrapped else SAMPLER
        options = Options.from_config(
            Config(
                opentelemetry_sampler=sampler,
                dynatrace_endpoint=f"{dynatrace.url}/api/v2/samplingConfiguration",
                dynatrace_headers={"Authorization": "Api-Token t"},
            )
        )
        assert not options.problem
        ((name, subscribe),) = options.subscriptions.items()
        asking = subscribe()
        poll = Poll(name, lambda: asking)
        poll.begin()
        asked = dynatrace.received()
        poll.end()
        assert asked.path == "/api/v2/samplingConfiguration"
        assert asked.headers["authorization"] == "Api-Token t"
        assert asked.body == b""
    sampled = options.sampler
    assert sampled is not None
    # The answer is read by another thread, soon.
    deadline = monotonic() + PATIENCE
    ratio = 1
    while ratio == 1 and monotonic() < deadline:
        answer = sampled(Asked(None, TRACE, place=("a", "GET", "/")))
        ratio = int(answer.attributes["supportability.atm_sampling_ratio"])
    assert ratio > 1


def test_without_an_address_nobody_is_asked() -> None:
    assert Options.from_config(Config(opentelemetry_sampler=SAMPLER)).subscriptions == {}
    only_address = Config(dynatrace_endpoint="http://localhost/")
    assert Options.from_config(only_address).subscriptions == {}


def test_the_server_has_a_setting_of_its_own() -> None:
    sampler = {"dynatrace": {**SAMPLER["dynatrace"], "http_service": {}}}
    problem = Options.from_config(Config(opentelemetry_sampler=sampler)).problem
    assert "AUTOTRACE_DYNATRACE_ENDPOINT" in problem
