"""What the calls of a program carry, and that nothing of the program's is changed for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
import urllib3
from opentelemetry import baggage, context, trace
from urllib3._collections import HTTPHeaderDict

from autotrace.context import CURRENT
from tests.contract import agent
from tests.contract.agent import Record, Spans, facts
from tests.contract.calls import PARENT, SAMPLED, TRACE, UNSAMPLED, within
from tests.contract.clients import Client, those_that
from tests.contract.servers import ROOT
from tests.contract.upstream import Upstream
from tests.contract.wire import HOST

SHORT = TRACE[16:]
FORMATS = {
    "tracecontext": ({"traceparent": f"00-{TRACE}-{PARENT}-01"}, TRACE),
    "b3": ({"b3": f"{TRACE}-{PARENT}-1"}, TRACE),
    "b3multi": ({"x-b3-traceid": SHORT, "x-b3-spanid": PARENT, "x-b3-sampled": "1"}, SHORT),
}


def client_span(spans: Spans) -> Record:
    """The only client span there is, beside that of the inbound call."""
    clients = [record for record in spans.records() if record["kind"] == "client"]
    assert len(clients) == 1, clients
    return clients[0]


def test_the_span_has_envoys_fields(client: Client, spans: Spans, upstream: Upstream) -> None:
    answer = within(lambda: client.send(upstream.url("/ok?a=b")), SAMPLED)
    assert answer == (200, b"hello")
    arrival = upstream.one()
    server, _ = spans.exactly(2)
    span = facts(client_span(spans))
    address = f"{HOST}:{upstream.port}"
    tags = {
        "http.protocol": "HTTP/1.1",
        "upstream_address": address,
        "peer.address": address,
        "component": "proxy",
        "upstream_cluster": HOST,
        "upstream_cluster.name": HOST,
        "http.status_code": "200",
        "response_flags": "-",
    }
    assert list(span["tags"].items()) == list(tags.items())
    assert span == {
        "trace_id": TRACE,
        "span_id": arrival.span[1],
        "parent_id": server["span_id"],
        "name": address,
        "kind": "client",
        "status": "unset",
        "status_message": "",
        "tags": tags,
        "events": [],
        "links": [],
    }


def test_a_call_that_nobody_caused_begins_a_trace(
    client: Client, spans: Spans, upstream: Upstream
) -> None:
    client.send(upstream.url())
    span = spans.one()
    assert span["parent_id"] == "" and len(span["trace_id"]) == 32
    assert upstream.one().span == (span["trace_id"], span["span_id"])
    assert upstream.one().value("x-request-id")[14] == "9"


def test_two_calls_that_nobody_caused_have_nothing_in_common(
    client: Client, spans: Spans, upstream: Upstream
) -> None:
    client.send(upstream.url())
    client.send(upstream.url())
    first, second = spans.exactly(2)
    assert first["trace_id"] != second["trace_id"] and second["parent_id"] == ""


def test_a_call_that_nobody_caused_may_begin_nothing(client: Client, upstream: Upstream) -> None:
    with agent.traced(random_sampling="0") as spans:
        client.send(upstream.url())
        client.send(upstream.url())
    first, second = upstream.wait(2)
    assert spans == []
    assert first.value("traceparent").endswith("-00") and first.value("x-b3-sampled") == "0"
    assert first.span[0] != second.span[0]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_names_the_same_span(
    name: str, client: Client, spans: Spans, upstream: Upstream
) -> None:
    headers, trace_id = FORMATS[name]
    within(lambda: client.send(upstream.url()), headers)
    arrival, span = upstream.one(), client_span(spans)
    named = {arrival.span, (trace_id.rjust(32, "0"), arrival.value("x-b3-spanid"))}
    if name == "b3":
        b3 = arrival.value("b3").split("-")
        named.add((b3[0], b3[1]))
        assert b3[2:] == ["1", span["parent_id"]]
    assert named == {(trace_id.rjust(32, "0"), span["span_id"])}
    assert arrival.value("x-b3-traceid") == trace_id
    assert arrival.value("x-b3-parentspanid") == span["parent_id"]


def test_what_is_not_sampled_goes_on(client: Client, spans: Spans, upstream: Upstream) -> None:
    within(lambda: [client.send(upstream.url()), client.send(upstream.url())], UNSAMPLED)
    assert spans == []
    for arrival in upstream.wait(2):
        assert arrival.value("traceparent") == UNSAMPLED["traceparent"]
        assert arrival.value("x-b3-sampled") == "0"


def test_propagate_mode_hands_on_byte_for_byte(client: Client, upstream: Upstream) -> None:
    headers = {
        "x-request-id": "F47AC10B",
        "b3": "d",
        "x-b3-traceid": TRACE.upper(),
        "traceparent": "not even one",
        "uber-trace-id": "a:b:0:1",
        "x-datadog-trace-id": "7",
    }
    with agent.traced(mode="propagate") as spans:
        within(lambda: client.send(upstream.url()), headers)
        client.send(upstream.url())
    caused, uncaused = upstream.wait(2)
    sent = {name.lower(): value for name, value in caused.headers}
    assert {name: sent.get(name) for name in headers} == headers
    assert len(caused.headers) == len(uncaused.headers) + len(headers)
    assert spans == []


def test_baggage_and_request_id_go_along(client: Client, spans: Spans, upstream: Upstream) -> None:
    headers = {**SAMPLED, "baggage": "user=alice;p=1", "x-request-id": "order-7"}
    within(lambda: client.send(upstream.url()), headers)
    arrival = upstream.one()
    assert arrival.value("baggage") == "user=alice;p=1"
    assert arrival.value("x-request-id") == "order-7"


def test_baggage_that_the_program_sets_goes_along(
    client: Client, spans: Spans, upstream: Upstream
) -> None:
    def handler() -> None:
        assert baggage.get_baggage("user") == "alice"
        token = context.attach(baggage.set_baggage("tenant", "a b"))
        try:
            client.send(upstream.url())
        finally:
            context.detach(token)
        client.send(upstream.url())

    within(handler, {**SAMPLED, "baggage": "user=alice;p=1"})
    changed, as_it_came = upstream.wait(2)
    assert changed.value("baggage") == "user=alice;p=1,tenant=a%20b"
    assert as_it_came.value("baggage") == "user=alice;p=1"


COPIED = {
    "TraceParent": f"00-{TRACE}-{PARENT}-01",
    "X-B3-TraceId": TRACE,
    "x-b3-SPANID": PARENT,
    "X-Request-ID": "theirs",
    "X-Mine": "Some Value",
}


@pytest.mark.parametrize("mode", ["trace", "propagate"])
def test_headers_that_the_program_copies_are_sent_once(
    client: Client, upstream: Upstream, mode: str
) -> None:
    """In whatever case: they name the wrong parent. What it passed stays as it is."""
    headers = dict(COPIED)
    arrived = {name.lower(): value for name, value in COPIED.items() if name != "X-Mine"}
    with agent.traced(mode=mode) as spans:
        within(lambda: client.send(upstream.url(), headers), arrived)
        arrival = upstream.one()
        span_id = client_span(spans)["span_id"] if mode == "trace" else PARENT
    assert headers == COPIED
    assert arrival.span == (TRACE, span_id)
    assert (arrival.value("x-b3-traceid"), arrival.value("x-b3-spanid")) == (TRACE, span_id)
    assert arrival.value("x-request-id") == "theirs"
    assert arrival.value("x-mine") == "Some Value"


@pytest.mark.parametrize("mode", ["trace", "propagate"])
def test_headers_that_the_program_makes_are_its_own(
    client: Client, upstream: Upstream, mode: str
) -> None:
    """Those of a tracer that it has, say. Nothing of another trace stands beside them."""
    mine = f"00-{'a' * 32}-{'b' * 16}-00"
    headers = {"TraceParent": mine, "X-Request-ID": "mine"}
    before = dict(headers)
    arrived = {**SAMPLED, "x-request-id": "theirs", "baggage": "a=b", "x-b3-traceid": TRACE}
    with agent.traced(mode=mode):
        within(lambda: client.send(upstream.url(), headers), arrived)
    arrival = upstream.one()
    assert headers == before
    assert (arrival.value("traceparent"), arrival.value("x-request-id")) == (mine, "mine")
    assert arrival.values("x-b3-traceid") == []
    assert arrival.value("baggage") == "a=b"


def test_all_other_lines_are_as_without_the_agent(client: Client, upstream: Upstream) -> None:
    """Their names, values, case and order; the first line and the body too."""

    def lines() -> list[Any]:
        upstream.clear()
        client.send(upstream.url("/ok?q=%20x"), {"X-One": "1", "accept": "a/b", "Zz": "z"})
        client.send(upstream.url(), {"Content-Type": "text/plain"}, "POST", b"body")
        client.send(upstream.url(), None, "PUT", b"")
        return [(a.method, a.target, a.own, a.body) for a in upstream.wait(3)]

    with agent.traced():
        traced = within(lines, SAMPLED)
        assert upstream.arrivals[0].span[0] == TRACE
    assert traced == lines()


def test_what_the_caller_keeps_stays_as_it_is(spans: Spans, upstream: Upstream) -> None:
    """A session's headers, a pool's, and those that are no dict."""
    session = requests.Session()
    session.headers["X-B3-TraceId"] = TRACE
    pool = urllib3.PoolManager(headers={"TraceParent": SAMPLED["traceparent"]})
    several = HTTPHeaderDict([("X-Many", "1"), ("X-Many", "2"), ("B3", "0")])
    before = dict(session.headers), dict(pool.headers), list(several.items())

    def handler() -> None:
        session.get(upstream.url()).close()
        pool.request("GET", upstream.url())
        pool.request("GET", upstream.url(), headers=several)

    within(handler, {**SAMPLED, "b3": "0", "x-b3-traceid": TRACE})
    session.close()
    pool.clear()
    assert (dict(session.headers), dict(pool.headers), list(several.items())) == before
    first, second, third = upstream.wait(3)
    assert first.value("x-b3-traceid") == second.span[0] == third.value("b3")[:32] == TRACE
    assert third.values("x-many") == ["1", "2"]


@those_that("keeps")
def test_a_kept_connection_keeps_nothing_of_a_call(
    client: Client, spans: Spans, upstream: Upstream
) -> None:
    within(lambda: client.send(upstream.url()), SAMPLED)
    within(lambda: client.send(upstream.url()), UNSAMPLED)
    client.send(upstream.url())
    first, second, third = upstream.wait(3)
    assert first.span[0] == TRACE and first.span[1] != PARENT
    assert second.span == (TRACE, PARENT)
    assert third.span[0] != TRACE
    # As on a connection without a past.
    assert len(third.headers) == len(second.headers)
    assert [span["kind"] for span in spans.exactly(3)] == ["server", "client", "client"]


def test_a_thread_goes_on_with_the_call_that_started_it(
    client: Client, spans: Spans, upstream: Upstream
) -> None:
    def handler() -> None:
        threads = [
            threading.Thread(target=client.send, args=(upstream.url(),)),
            threading.Timer(0, client.send, (upstream.url(),)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    within(handler, SAMPLED)
    server, *clients = spans.exactly(3)
    assert {span["parent_id"] for span in clients} == {server["span_id"]}
    assert {arrival.span[0] for arrival in upstream.wait(2)} == {TRACE}


def test_work_in_a_pool_belongs_to_who_submits_it(
    client: Client, spans: Spans, upstream: Upstream
) -> None:
    with ThreadPoolExecutor(1) as pool:

        def handler() -> None:
            pool.submit(client.send, upstream.url()).result()
            list(pool.map(client.send, [upstream.url()]))

        for digit in "abc":
            within(handler, {"traceparent": f"00-{digit * 32}-{PARENT}-01"})
        # The worker was started by the first call and is no part of it.
        pool.submit(client.send, upstream.url()).result()
        assert pool.submit(CURRENT.get).result() == {}
    traces = [arrival.span[0][:1] * 2 for arrival in upstream.wait(7)]
    assert traces[:6] == ["aa", "aa", "bb", "bb", "cc", "cc"]
    assert spans.records()[-1]["parent_id"] == ""


def test_concurrent_calls_do_not_mix(client: Client, spans: Spans, upstream: Upstream) -> None:
    numbers = [f"{number:032x}" for number in range(1, 31)]

    def one(trace_id: str) -> None:
        headers = {"traceparent": f"00-{trace_id}-{PARENT}-01", "x-request-id": trace_id}
        answer = within(lambda: client.send(upstream.url(f"/ok/{trace_id}")), headers)
        assert answer == (200, b"hello")

    with ThreadPoolExecutor(30) as pool:
        list(pool.map(one, numbers))
    assert len(spans.exactly(60)) == 60
    for arrival in upstream.wait(30):
        trace_id = arrival.target.rpartition("/")[2]
        assert (arrival.span[0], arrival.value("x-request-id")) == (trace_id, trace_id)


def test_a_span_of_the_program_is_the_parent(
    client: Client, spans: Spans, upstream: Upstream
) -> None:
    def handler() -> None:
        with trace.get_tracer("mine", "1.0").start_as_current_span("work", attributes={"a": 1}):
            client.send(upstream.url())
        client.send(upstream.url())

    within(handler, SAMPLED)
    server, work, inner, outer = spans.exactly(4)
    assert (work["name"], work["kind"], work["tags"]) == ("work", "internal", {"a": 1})
    assert (work["parent_id"], inner["parent_id"], outer["parent_id"]) == (
        server["span_id"],
        work["span_id"],
        server["span_id"],
    )
    assert [a.span for a in upstream.wait(2)] == [(TRACE, s["span_id"]) for s in (inner, outer)]


def test_a_span_that_is_ended_twice_is_one(spans: Spans) -> None:
    """Even that of the call itself, which the program can get at."""

    def handler() -> None:
        work = trace.get_tracer("mine").start_span("work")
        work.end()
        work.end()
        trace.get_current_span().end()

    within(handler, SAMPLED)
    assert [span["kind"] for span in spans.exactly(2)] == ["server", "internal"]


def test_a_span_of_another_provider_is_the_parent(
    client: Client, spans: Spans, upstream: Upstream
) -> None:
    """A program with OpenTelemetry's own SDK: its spans continue ours, and ours its."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

    theirs: list[Any] = []

    def handler() -> None:
        for provider in (TracerProvider(), TracerProvider(ALWAYS_OFF)):
            with provider.get_tracer("sdk").start_as_current_span("theirs") as span:
                theirs.append(span)
                client.send(upstream.url())

    within(handler, SAMPLED)
    server, inner = spans.exactly(2)
    first, second = (span.get_span_context() for span in theirs)
    assert f"{theirs[0].parent.span_id:016x}" == server["span_id"]
    assert (first.trace_id, second.trace_id) == (int(TRACE, 16),) * 2
    assert inner["parent_id"] == f"{first.span_id:016x}"
    arrivals = upstream.wait(2)
    assert arrivals[0].span == (TRACE, inner["span_id"])
    # Not recorded by them: their ids and their decision go out.
    assert arrivals[1].value("traceparent") == f"00-{TRACE}-{second.span_id:016x}-00"


PROVIDER = """
import json, sys, warnings
import logging
logging.basicConfig(level=0)
from opentelemetry import trace
before = trace.get_tracer("early")
from opentelemetry.sdk.trace import TracerProvider
provider = TracerProvider()
trace.set_tracer_provider(provider)
assert trace.get_tracer_provider() is provider
from tests.contract.calls import SAMPLED, within
from tests.contract.clients import Urllib3
client = Urllib3()

def handler():
    spans = []
    for tracer in (before, trace.get_tracer("late")):
        with tracer.start_as_current_span("theirs") as span:
            assert type(span).__module__.startswith("opentelemetry.sdk"), span
            client.send(sys.argv[1])
            spans.append([f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}"])
    return spans

logging.disable()
spans = within(handler, SAMPLED)
from autotrace.export.memory import SPANS
print(json.dumps([spans, [[s.kind, s.trace_id, s.parent_id] for s in SPANS]]))
"""


def test_a_program_may_have_a_provider_of_its_own(upstream: Upstream) -> None:
    """It is set without a complaint, also behind tracers that the program already has."""
    environ = {**os.environ, **agent.variables({"exporter": "memory"})}
    environ["PYTHONPATH"] = os.pathsep.join((str(ROOT / "bootstrap"), str(ROOT)))
    done = subprocess.run(
        [sys.executable, "-c", PROVIDER, upstream.url()],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stderr, done.returncode) == ("", 0)
    theirs, ours = json.loads(done.stdout)
    assert [span for span in ours if span[0] == 2] == [[2, *span] for span in theirs]
    assert {arrival.span[0] for arrival in upstream.wait(2)} == {TRACE}


@pytest.mark.parametrize("key", ["suppress_instrumentation", context._SUPPRESS_INSTRUMENTATION_KEY])
def test_a_call_that_is_not_to_be_traced_is_left_alone(
    key: str, client: Client, spans: Spans, upstream: Upstream
) -> None:
    def handler() -> None:
        token = context.attach(context.set_value(key, True))
        try:
            client.send(upstream.url())
        finally:
            context.detach(token)

    within(handler, SAMPLED)
    assert upstream.one().own == upstream.one().headers
    assert spans.one()["kind"] == "server"


def test_a_proxy_is_sent_the_same(client: Client, spans: Spans, upstream: Upstream) -> None:
    proxy = f"http://{HOST}:{upstream.port}"
    answer = within(lambda: client.by_proxy(proxy, "http://shop.example:8080/ok?a=b"), SAMPLED)
    assert answer == (200, b"hello")
    arrival, span = upstream.one(), client_span(spans)
    assert arrival.target == "http://shop.example:8080/ok?a=b"
    assert arrival.span == (TRACE, span["span_id"])
    # Named for who is called, not for who carries it there.
    assert span["name"] == "shop.example:8080"
    assert span["tags"]["upstream_address"] == f"{HOST}:{upstream.port}"
