"""What Envoy's configuration makes of calls, with every client."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest
import urllib3
from urllib3.util import Retry

from tests.contract import agent
from tests.contract import upstream as upstreams
from tests.contract.calls import SAMPLED, TRACE, within
from tests.contract.clients import Client, those_that
from tests.contract.outcomes import told
from tests.contract.upstream import Upstream
from tests.contract.wire import HOST

SERVED_BY = json.dumps([{"tag": "by", "value": "%RESP(X-SERVED-BY)%"}])


def test_a_call_is_named_as_the_callee_says(client: Client, upstream: Upstream) -> None:
    with agent.traced() as spans:
        assert client.send(upstream.url("/named/theirs")) == (200, b"hello")
        assert spans.one()["name"] == "theirs"


def test_tags_are_made_of_the_headers_of_responses(client: Client, upstream: Upstream) -> None:
    with agent.traced(custom_tags=SERVED_BY) as spans:
        assert client.send(upstream.url("/named/theirs")) == (200, b"hello")
        assert spans.one()["tags"]["by"] == "r1"
    with agent.traced(custom_tags=SERVED_BY) as spans:
        assert client.send(upstream.url("/ok")) == (200, b"hello")
        assert "by" not in spans.one()["tags"]


@those_that("retries")
def test_the_last_attempt_is_flagged(client: Client, upstream: Upstream) -> None:
    """Whose answer would have had another one."""
    with agent.traced() as spans:
        assert client.send(upstream.url("/flaky/9")) == (503, b"later")
        flags = [span["tags"]["response_flags"] for span in spans.exactly(6)]
    assert flags == [*["-"] * 5, "URX"]
    with agent.traced() as spans:
        assert client.send(upstream.url("/flaky/5")) == (200, b"hello")
        assert {span["tags"]["response_flags"] for span in spans.exactly(6)} == {"-"}


def test_the_last_attempt_to_connect_is_flagged() -> None:
    def flags(call: Callable[[str], object]) -> list[str]:
        with upstreams.refusing() as port, agent.traced() as spans:
            with pytest.raises((urllib3.exceptions.HTTPError, httpx.ConnectError)):
                call(f"http://{HOST}:{port}/")
            return [span["tags"]["response_flags"] for span in spans.records()]

    with urllib3.PoolManager() as pool:
        twice = Retry(total=None, connect=1, read=5)
        assert flags(lambda url: pool.request("GET", url, retries=twice)) == ["UF", "UF,URX"]
        assert flags(lambda url: pool.request("GET", url, retries=0)) == ["UF"]
        read = Retry(connect=2, read=0)
        assert flags(lambda url: pool.request("GET", url, retries=read))[-1] == "UF,URX"
    # Attempts of one exchange.
    with httpx.Client(transport=httpx.HTTPTransport(retries=1)) as one:
        assert flags(one.get) == ["UF,URX"]
    with httpx.Client() as none:
        assert flags(none.get) == ["UF"]


def test_calls_say_who_calls(client: Client, upstream: Upstream) -> None:
    """Over whatever the program says of that, but for its `user-agent`."""
    client.send(upstream.url())
    agents = upstream.one().values("user-agent")
    upstream.clear()
    with agent.traced(add_user_agent="1") as spans:
        for mine in ({}, {"X-Envoy-Downstream-Service-Cluster": "mine", "User-Agent": "me"}):
            client.send(upstream.url(), mine)
        spans.exactly(2)
    first, second = upstream.wait(2)
    assert first.values("user-agent") == (agents or ["shop"])
    assert second.values("user-agent") == ["me"]
    for arrival in (first, second):
        assert arrival.value("x-envoy-downstream-service-cluster") == "shop"
        assert arrival.value("x-envoy-downstream-service-node") == "node-1"
        assert arrival.span


def test_headers_of_the_programs_own_that_are_forwarded_leave_the_trace_alone(
    client: Client, upstream: Upstream
) -> None:
    def call() -> None:
        client.send(upstream.url(), {"X-Tenant": "mine"})

    with agent.traced(forward_headers="x-tenant") as spans:
        within(call, {**SAMPLED, "x-tenant": "theirs"})
        _, span = spans.exactly(2)
    arrival = upstream.one()
    assert arrival.value("x-tenant") == "mine"
    assert arrival.span == (TRACE, span["span_id"])


INSTANTS = [
    "first_upstream_tx_byte_sent",
    "last_upstream_tx_byte_sent",
    "first_upstream_rx_byte_received",
    "last_upstream_rx_byte_received",
]


@pytest.mark.parametrize("body", [None, b"said"])
def test_verbose_spans_have_the_instants(
    body: bytes | None, client: Client, upstream: Upstream
) -> None:
    # libcurl does not tell when it has sent all.
    names = [
        name for name in INSTANTS if "curl" not in client.name or "last_upstream_tx" not in name
    ]
    with agent.traced(verbose="1") as spans:
        assert client.send(upstream.url(), None, "POST" if body else "GET", body) == (200, b"hello")
        span = spans.one()
    assert [event["name"] for event in span["events"]] == names
    times = [int(span["start"]), *(int(event["time"]) for event in span["events"])]
    assert times == sorted(times)


def test_verbose_spans_of_calls_that_fail_have_the_instants_until_then(
    client: Client, upstream: Upstream
) -> None:
    with agent.traced(verbose="1") as spans:
        told(lambda: client.send(upstream.url("/drop"), None, "POST", b"x"))
        told_of = {event["name"] for span in spans.wait(1) for event in span["events"]}
    assert "first_upstream_tx_byte_sent" in told_of
    assert told_of.isdisjoint(INSTANTS[2:])
