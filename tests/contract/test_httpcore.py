"""What is special about httpx and httpcore: HTTP/2, transports of the program's, kept objects."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from typing import Any

import httpcore
import httpx
import pytest

from tests.contract import agent, http2
from tests.contract.agent import Spans
from tests.contract.calls import SAMPLED, TRACE, UNSAMPLED, within
from tests.contract.outcomes import outcome
from tests.contract.upstream import Upstream
from tests.contract.wire import HOST


@pytest.fixture(scope="module")
def second() -> Iterator[http2.Upstream]:
    """An upstream that speaks HTTP/2 only."""
    with http2.serving() as upstream:
        yield upstream


@pytest.fixture
def http2_upstream(second: http2.Upstream) -> http2.Upstream:
    second.arrivals.clear()
    return second


def test_http2_is_sent_the_same(spans: Spans, http2_upstream: http2.Upstream) -> None:
    """Names in lower case, each once, in place of the program's copies."""
    mine = {"X-Request-ID": "theirs", "X-B3-TraceId": TRACE, "X-Many": "1"}
    arrived = {**SAMPLED, "x-request-id": "theirs", "x-b3-traceid": TRACE}
    with httpx.Client(http1=False, http2=True, trust_env=False) as client:
        answer = within(lambda: client.get(http2_upstream.url("/ok"), headers=mine), arrived)
        assert (answer.status_code, answer.content) == (200, b"hello")
        assert answer.http_version == "HTTP/2"
    server, span = spans.exactly(2)
    (headers,) = http2_upstream.arrivals
    names = [name for name, _ in headers]
    assert len(names) == len(set(names)) and all(name == name.lower() for name in names)
    sent = dict(headers)
    assert sent["traceparent"] == f"00-{TRACE}-{span['span_id']}-01"
    assert sent["x-b3-parentspanid"] == server["span_id"]
    assert (sent["x-request-id"], sent["x-b3-traceid"], sent["x-many"]) == ("theirs", TRACE, "1")
    assert span["tags"]["http.protocol"] == "HTTP/2"
    assert span["tags"]["upstream_address"] == f"{HOST}:{http2_upstream.port}"


def test_streams_of_one_connection_do_not_mix(spans: Spans, http2_upstream: http2.Upstream) -> None:
    async def all_at_once() -> None:
        async with httpx.AsyncClient(http1=False, http2=True, trust_env=False) as client:
            await asyncio.gather(*[client.get(http2_upstream.url(f"/{n}")) for n in range(20)])

    within(lambda: asyncio.run(all_at_once()), SAMPLED)
    _, *clients = spans.exactly(21)
    named = {dict(headers)["traceparent"].split("-")[2] for headers in http2_upstream.arrivals}
    assert named == {span["span_id"] for span in clients} and len(named) == 20


def test_a_stream_that_is_reset(spans: Spans, http2_upstream: http2.Upstream) -> None:
    client = httpx.Client(http1=False, http2=True, trust_env=False)
    with client, pytest.raises(httpx.RemoteProtocolError):
        client.get(http2_upstream.url("/reset"))
    assert outcome(spans.one()) == ("0", "UR", "true", "error")


def test_a_transport_of_the_programs_is_asked_as_it_would_be(spans: Spans) -> None:
    """Nothing of it is on the wire: neither headers nor a span."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, text="mocked")

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        assert within(lambda: client.get("http://shop/"), SAMPLED).text == "mocked"
    assert "traceparent" not in asked[0].headers
    assert [span["kind"] for span in spans.exactly(1)] == ["server"]


@pytest.mark.parametrize("inbound", [SAMPLED, UNSAMPLED])
def test_what_the_program_keeps_stays_as_it_is(
    inbound: dict[str, str], spans: Spans, upstream: Upstream
) -> None:
    """A client's headers, a list of pairs, a request that is sent twice."""
    pairs = [("X-Many", "1"), ("X-Many", "2"), ("B3", "0")]
    request = httpcore.Request("GET", upstream.url(), headers=[(b"Host", b"x"), (b"B3", b"0")])
    before = list(pairs), list(request.headers), dict(request.extensions)
    copied = inbound["traceparent"]
    with httpx.Client(headers={"TraceParent": copied}, trust_env=False) as client:
        with httpcore.ConnectionPool() as pool:

            def handler() -> None:
                response = client.get(upstream.url(), headers=pairs)
                assert response.request.headers.get_list("x-many") == ["1", "2"]
                assert response.request.headers["traceparent"] == copied
                for _ in range(2):
                    pool.handle_request(request).close()

            within(handler, {**inbound, "b3": "0"})
        assert client.headers["traceparent"] == copied
    assert (pairs, request.headers, request.extensions) == before
    first, second, third = upstream.wait(3)
    assert first.values("x-many") == ["1", "2"] and first.span[0] == TRACE
    assert second.span[0] == third.span[0] == TRACE
    assert len(second.values("b3")) == 1


def test_hooks_and_authentication_see_what_they_would_see(spans: Spans, upstream: Upstream) -> None:
    """Each request of an authentication is an exchange."""
    seen: list[Any] = []

    class Twice(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Any:
            response = yield request
            seen.append((response.status_code, sorted(request.headers)))
            yield request

    hooks: dict[str, Any] = {"request": [lambda request: seen.append(sorted(request.headers))]}
    with httpx.Client(auth=Twice(), event_hooks=hooks, trust_env=False) as client:
        within(lambda: client.get(upstream.url()), SAMPLED)
    assert len(spans.exactly(3)) == 3
    assert {arrival.span[0] for arrival in upstream.wait(2)} == {TRACE}
    assert "traceparent" not in str(seen)


def test_a_task_that_is_cancelled_gave_up(spans: Spans, upstream: Upstream) -> None:
    async def give_up() -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            task = asyncio.create_task(client.post(upstream.url("/silent"), content=b"x"))
            while not upstream.arrivals:
                await asyncio.sleep(0.001)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    within(lambda: asyncio.run(give_up()), SAMPLED)
    _, span = spans.exactly(2)
    assert (span["tags"]["response_flags"], span["tags"].get("error.reason")) == ("LR", None)


def test_a_task_that_nobody_waits_for_is_over_with_its_loop(
    spans: Spans, upstream: Upstream
) -> None:
    async def leave() -> None:
        client = httpx.AsyncClient(trust_env=False)
        waiting = asyncio.ensure_future(client.post(upstream.url("/silent"), content=b"x"))
        while not upstream.arrivals:
            await asyncio.sleep(0.001)
        assert not waiting.done()

    loop = asyncio.new_event_loop()
    within(lambda: loop.run_until_complete(leave()), SAMPLED)
    assert [span["kind"] for span in spans.records()] == ["server"]
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    loop.run_until_complete(asyncio.wait(tasks))
    loop.close()
    gc.collect()
    assert spans.exactly(2)[1]["tags"]["response_flags"] == "LR"


def test_a_failure_of_the_program_while_it_reads_is_none_of_the_call(
    spans: Spans, upstream: Upstream
) -> None:
    client = httpx.Client(trust_env=False)
    with client, pytest.raises(ConnectionResetError), client.stream("GET", upstream.url("/stream")):
        raise ConnectionResetError("of something else")
    upstream.release.set()
    assert outcome(spans.one()) == ("200", "-", None, "unset")


def test_an_answer_that_is_cut_off_is_told(spans: Spans, upstream: Upstream) -> None:
    with httpx.Client(trust_env=False) as client, pytest.raises(httpx.RemoteProtocolError):
        client.get(upstream.url("/cut"))
    assert outcome(spans.one()) == ("200", "UC", "true", "error")


@pytest.mark.parametrize("traced", [True, False])
def test_a_function_of_coroutines_is_still_one(traced: bool) -> None:
    def kinds() -> list[bool]:
        return [
            asyncio.iscoroutinefunction(httpcore.AsyncConnectionPool.handle_async_request),
            asyncio.iscoroutinefunction(httpcore.ConnectionPool.handle_request),
        ]

    if traced:
        with agent.traced():
            assert kinds() == [True, False]
    else:
        assert kinds() == [True, False]
