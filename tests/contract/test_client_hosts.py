"""What each client sends to a host outside, which here is this machine by its address."""

from __future__ import annotations

import pytest
from opentelemetry import baggage, context

from tests.contract import agent
from tests.contract import upstream as upstreams
from tests.contract.calls import SAMPLED, TRACE, UNSAMPLED, within
from tests.contract.clients import Client, those_that
from tests.contract.upstream import Arrival, Upstream
from tests.contract.wire import HOST

PRIVATE = {"baggage": "user=alice", "end-user": "alice", "ot-baggage-a": "1"}
OTHERS = {"x-request-id": "order-7", "ot-tracer-traceid": TRACE, "ot-tracer-spanid": "1" * 16}


def private(arrival: Arrival) -> list[str]:
    """What of it is none of a stranger's business."""
    return [name.lower() for name, _ in arrival.headers if name.lower() in PRIVATE]


@pytest.mark.parametrize("mode", ["trace", "propagate"])
@pytest.mark.parametrize("trace", [SAMPLED, UNSAMPLED], ids=["sampled", "unsampled"])
def test_a_host_outside_gets_the_trace_only(
    client: Client, upstream: Upstream, mode: str, trace: dict[str, str]
) -> None:
    headers = {**trace, **OTHERS, **PRIVATE}
    settings = {"mode": mode, "forward_headers": "end-user"}
    with agent.traced(external_hosts=HOST, **settings):
        within(lambda: [client.send(upstream.url()), client.send(upstream.url())], headers)
    with agent.traced(external_hosts=f"{HOST}:1", **settings):
        within(lambda: client.send(upstream.url()), headers)
    outside, again, inside = upstream.wait(3)
    for arrival in (outside, again):
        assert private(arrival) == []
        assert arrival.span[0] == TRACE and arrival.value("x-request-id") == "order-7"
        assert arrival.value("ot-tracer-traceid") == TRACE
    assert sorted(private(inside)) == sorted(PRIVATE)


def test_baggage_of_the_program_stays_inside(client: Client, upstream: Upstream) -> None:
    def handler() -> None:
        token = context.attach(baggage.set_baggage("tenant", "a"))
        try:
            client.send(upstream.url())
        finally:
            context.detach(token)

    for trace in (SAMPLED, UNSAMPLED):
        with agent.traced(external_hosts=HOST):
            within(handler, trace)
    assert [arrival.values("baggage") for arrival in upstream.wait(2)] == [[], []]


def test_what_the_program_sends_itself_is_sent(client: Client, upstream: Upstream) -> None:
    with agent.traced(external_hosts=HOST, forward_headers="end-user"):
        within(lambda: client.send(upstream.url(), PRIVATE), {**SAMPLED, **PRIVATE})
    assert {name: upstream.one().value(name) for name in PRIVATE} == PRIVATE


@pytest.mark.parametrize(
    ("choice", "expected"),
    [("none", []), ("traceparent", ["traceparent"]), ("all", ["baggage", "traceparent"])],
)
def test_the_setting_says_what_is_sent_outside(
    client: Client, upstream: Upstream, choice: str, expected: list[str]
) -> None:
    looked_for = {"traceparent", "tracestate", "x-request-id", "x-b3-traceid", "baggage"}
    if choice == "all":
        looked_for &= {"traceparent", "baggage"}
    with agent.traced(external_hosts=HOST, external_headers=choice):
        within(lambda: client.send(upstream.url()), {**SAMPLED, "baggage": "a=b"})
    names = [name.lower() for name, _ in upstream.one().headers]
    assert sorted(looked_for.intersection(names)) == expected


def test_a_proxy_is_not_whom_a_request_is_for(client: Client, upstream: Upstream) -> None:
    """Inside is what lies behind it."""
    headers = {**SAMPLED, "baggage": "a=b"}
    with agent.traced(external_hosts=HOST):
        within(lambda: client.by_proxy(upstream.url(), "http://stock:9000/ok"), headers)
    with agent.traced():
        within(lambda: client.by_proxy(upstream.url(), "http://stock.example.com/ok"), headers)
    inside, outside = upstream.wait(2)
    assert (inside.values("baggage"), outside.values("baggage")) == (["a=b"], [])


@those_that("redirects")
def test_each_hop_of_a_redirect_is_looked_at(client: Client, upstream: Upstream) -> None:
    with upstreams.serving() as other:
        with agent.traced(external_hosts=f"{HOST}:{other.port}"):
            url = upstream.url(f"/redirect?{other.url()}")
            within(lambda: client.send(url), {**SAMPLED, "baggage": "a=b"})
        inside, outside = upstream.one(), other.one()
    assert (inside.values("baggage"), outside.values("baggage")) == (["a=b"], [])
    assert inside.span[0] == outside.span[0] == TRACE
