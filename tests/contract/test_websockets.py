"""Handshakes of the clients of websockets: one span a hop, headers once, and nothing else."""

from __future__ import annotations

import asyncio
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect as connect_in_thread
from websockets.sync.server import serve

from tests.contract import agent
from tests.contract.agent import Spans
from tests.contract.calls import SAMPLED, TRACE, UNSAMPLED, within
from tests.contract.outcomes import outcome
from tests.contract.wire import HOST

Talk = Callable[..., str]


class Upstream:
    """An echo that keeps the headers of every handshake."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.arrivals: list[Headers] = []

    def url(self, path: str = "/talk") -> str:
        return f"ws://{HOST}:{self.port}{path}"


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    monkeypatch.setenv("no_proxy", "*")

    def handle(connection: Any) -> None:
        for message in connection:
            connection.send(message)

    def before(connection: Any, request: Any) -> Any:
        upstream.arrivals.append(request.headers)
        if request.path == "/no":
            return connection.respond(403, "no")
        if request.path == "/moved":
            response = connection.respond(302, "")
            response.headers["Location"] = upstream.url()
            return response
        return None

    def after(connection: Any, request: Any, response: Any) -> None:
        if request.path == "/named":
            response.headers["X-Envoy-Decorator-Operation"] = "theirs"

    with serve(handle, HOST, 0, process_request=before, process_response=after) as server:
        upstream = Upstream(server.socket.getsockname()[1])
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield upstream
        server.shutdown()
        thread.join()


def by_asyncio(url: str, headers: Any = None) -> str:
    async def talk() -> str:
        async with connect(url, additional_headers=headers) as connection:
            await connection.send("hello")
            return str(await connection.recv())

    return asyncio.run(talk())


def by_thread(url: str, headers: Any = None) -> str:
    with connect_in_thread(url, additional_headers=headers) as connection:
        connection.send("hello")
        return str(connection.recv())


def by_the_old_one(url: str, headers: Any = None) -> str:
    async def talk() -> str:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            from websockets.legacy.client import connect as old

        async with old(url, extra_headers=headers) as connection:
            await connection.send("hello")
            return str(await connection.recv())

    return asyncio.run(talk())


@pytest.mark.parametrize("talk", [by_asyncio, by_thread, by_the_old_one])
@pytest.mark.parametrize("inbound", [SAMPLED, UNSAMPLED])
def test_a_handshake_carries_headers_once(
    inbound: dict[str, str], talk: Talk, echo: Upstream
) -> None:
    headers = {"X-Mine": "1", "X-Request-ID": "theirs", "TraceParent": inbound["traceparent"]}
    before = dict(headers)
    by_the_old_one(echo.url())
    echo.arrivals.clear()
    with agent.traced() as spans:
        arrived = {**inbound, "x-request-id": "theirs"}
        assert within(lambda: talk(echo.url(), headers), arrived) == "hello"
    assert headers == before
    (arrival,) = echo.arrivals
    assert arrival.get_all("traceparent")[0].split("-")[1] == TRACE
    assert (arrival.get_all("x-request-id"), arrival["X-Mine"]) == (["theirs"], "1")
    assert len(arrival.get_all("traceparent")) == 1
    if inbound is UNSAMPLED:
        assert spans == []
        return
    server, span = spans.exactly(2)
    assert outcome(span)[:2] == ("101", "-") and span["parent_id"] == server["span_id"]
    assert arrival["traceparent"].split("-")[2] == span["span_id"]
    assert span["name"] == f"{HOST}:{echo.port}"
    assert span["tags"]["upstream_address"] == f"{HOST}:{echo.port}"


@pytest.mark.parametrize("talk", [by_asyncio, by_thread])
def test_a_handshake_that_is_refused_has_its_status(
    talk: Talk, spans: Spans, echo: Upstream
) -> None:
    with pytest.raises(InvalidStatus) as caught:
        talk(echo.url("/no"))
    assert caught.value.response.status_code == 403
    assert outcome(spans.one())[:2] == ("403", "-")


def test_each_hop_of_a_redirect_is_a_handshake(spans: Spans, echo: Upstream) -> None:
    assert within(lambda: by_asyncio(echo.url("/moved")), SAMPLED) == "hello"
    _, *clients = spans.exactly(3)
    assert [outcome(span)[0] for span in clients] == ["302", "101"]
    named = [arrival["traceparent"].split("-")[2] for arrival in echo.arrivals]
    assert named == [span["span_id"] for span in clients]


def test_propagate_mode_hands_on(echo: Upstream) -> None:
    with agent.traced(mode="propagate"):
        within(lambda: by_asyncio(echo.url()), {"x-request-id": "order-7", "b3": "d"})
        by_thread(echo.url())
    caused, uncaused = echo.arrivals
    assert (caused["x-request-id"], caused["b3"]) == ("order-7", "d")
    assert "x-request-id" not in uncaused


@pytest.mark.parametrize("talk", [by_asyncio, by_thread, by_the_old_one])
def test_a_handshake_is_named_as_the_callee_says(talk: Talk, echo: Upstream, spans: Spans) -> None:
    talk(echo.url("/named"))
    assert spans.one()["name"] == "theirs"
