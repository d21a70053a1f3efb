"""One part of the agent after another raises: the application is served, and its calls go out,
exactly as without the agent. After ten failures the part is not asked any more.
"""

from __future__ import annotations

import importlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace

from autotrace import guard, integration, propagation
from autotrace.headers import Known
from autotrace.integrations import MANIFEST
from tests.contract import agent, points
from tests.contract import upstream as upstreams
from tests.contract.calls import SAMPLED, UNSAMPLED, within
from tests.contract.clients import CLIENTS, Client
from tests.contract.outcomes import told
from tests.contract.servers import IN_PROCESS, Server
from tests.contract.test_server_transparency import HEADERS, answers
from tests.contract.upstream import Upstream
from tests.contract.wire import HOST

# Of those that speak ASGI one server and one framework have to do: the rest pass nothing else.
SERVED = [each for each in IN_PROCESS if each.name not in ("uvicorn-h11", "hypercorn", "fastapi")]
# libcurl repeats by itself what it loses on a connection that it kept.
CALLING = [each for each in CLIENTS if each.name != "tornado curl"]
BROKEN_SERVERS = [(server, point) for server in SERVED for point in points.of_server(server)]
BROKEN_CLIENTS = [(client, point) for client in CALLING for point in points.of_client(client)]


class Sabotage(Exception):
    """On purpose."""


def _plan_anew(planner: Any, known: Known) -> propagation.Plan:
    plan: propagation.Plan = planner.anew(tuple(known))
    return plan


@contextmanager
def broken(point: str, allowed: int = 1_000_000) -> Iterator[list[str]]:
    """Makes one function raise, and notes each time that it was asked.

    So many failures are allowed, usually more than come: everything happens while it fails.
    """
    place, _, path = point.partition(":")
    owner: Any = importlib.import_module(f"autotrace.{place}")
    *classes, name = path.split(".")
    for each in classes:
        owner = getattr(owner, each)
    asked: list[str] = []

    def raising(*args: Any, **kwargs: Any) -> Any:
        asked.append(point)
        raise Sabotage(point)

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(owner, name, raising)
        # The formats are in a table, and what was made of it is kept.
        for key, format in propagation.FORMATS.items():
            if place == f"propagation.{key}":
                harmed: dict[str, Any] = {name: raising}
                monkeypatch.setitem(propagation.FORMATS, key, format._replace(**harmed))
        monkeypatch.setattr(propagation.Planner, "plan", _plan_anew)
        core = integration.core()
        if core is not None:
            monkeypatch.setattr(core._planner, "nothing", _plan_anew(core._planner, Known()))
        monkeypatch.setattr(guard, "FAILURES_ALLOWED", allowed)
        yield asked


@pytest.fixture(scope="module")
def unharmed() -> dict[str, object]:
    """What servers and clients do without the agent, by their names."""
    return {}


def named(value: Any) -> str:
    """A driver by its name; a point is its own."""
    return str(getattr(value, "name", value))


@pytest.mark.parametrize(("server", "point"), BROKEN_SERVERS, ids=named)
def test_a_server_serves_on(
    server: Server, point: str, unharmed: dict[str, object], upstream: Upstream
) -> None:
    if server.name not in unharmed:
        with server.start({}, traced=False) as served:
            unharmed[server.name] = answers(served, upstream, "GET")
    expected = unharmed[server.name]
    with broken(point) as asked, server.start({}) as served:
        assert answers(served, upstream, "GET") == expected
    assert asked, "nothing of it was broken"


def everything(client: Client, upstream: Upstream, refused: int) -> list[object]:
    """What a program sees of its calls, and what of it arrives."""
    upstream.clear()
    mine = {"X-Mine": "1", "X-Request-Id": "mine", "Authorization": "Basic Og=="}

    def opened() -> bytes:
        if not client.opens:
            upstream.release.set()
            return client.send(upstream.url("/stream")).body
        response = client.open(upstream.url("/stream"))
        try:
            # The rest of it comes once its head is there, or it would be over with that.
            return response.read(5)
        finally:
            response.close()
            upstream.release.set()

    seen: list[object] = [
        told(lambda: client.send(upstream.url(), mine)),
        told(lambda: client.send(upstream.url("/status/500"), None, "POST", b"body")),
        told(lambda: client.send(upstream.url("/drop"), None, "POST", b"x")),
        told(lambda: client.send(f"http://{HOST}:{refused}/")),
        told(opened),
        mine,
    ]
    thread = threading.Thread(target=client.send, args=(upstream.url("/thread"),))
    thread.start()
    thread.join()
    for arrival in upstream.wait(5):
        seen.append((arrival.method, arrival.target, arrival.own, arrival.body))
    # Whoever set it, it is there once.
    upstream.arrivals[0].value("x-request-id")
    return seen


@pytest.mark.parametrize(("kind", "point"), BROKEN_CLIENTS, ids=named)
def test_a_client_calls_on(kind: type[Client], point: str, upstream: Upstream) -> None:
    with upstreams.refusing() as refused:
        ways: list[Callable[[], list[object]]] = [
            lambda: everything(client, upstream, refused),
            lambda: within(lambda: everything(client, upstream, refused), BAGGAGE),
            lambda: within(lambda: everything(client, upstream, refused), UNSAMPLED),
        ]
        client = kind()
        expected = ways[0]()
        with broken(point) as asked, agent.traced():
            assert [way() for way in ways] == [expected] * 3
        client.close()
    assert asked, "nothing of it was broken"


def test_every_point_is_broken_for_somebody() -> None:
    """No integration is in the table that no driver names."""
    struck = {point for _, point in (*BROKEN_SERVERS, *BROKEN_CLIENTS)}
    assert struck == {*points.of_everybody()}


BAGGAGE = {
    **SAMPLED,
    "baggage": "a=b",
    "x-request-id": "theirs",
    "b3": "1",
    "x-datadog-sampled": "1",
}


@pytest.mark.parametrize(
    ("point", "off"),
    [
        ("core:Core.inbound", "wsgi"),
        ("call:Inbound.finish", "wsgi"),
        ("core:Core._asked", "http_client"),
        ("integrations.http_client:_put_headers", "http_client"),
        ("integrations.urllib3:attempt", "urllib3"),
        ("integration:_build_pipeline", "export"),
        ("integrations.threading:_is_pool_worker", "threading"),
    ],
)
def test_after_ten_failures_nobody_is_asked_again(
    point: str, off: str, upstream: Upstream, capfd: pytest.CaptureFixture[str]
) -> None:
    def call() -> None:
        for kind in CLIENTS:
            client = kind()
            client.send(upstream.url())
            client.close()
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()

    with broken(point, 10) as asked, agent.traced():
        for _ in range(12):
            within(call, SAMPLED)
        so_far = len(asked)
        assert so_far >= 10
        within(call, SAMPLED)
        assert len(asked) == so_far
        assert guard.site(off).off
    # What failed, once, and that it is off.
    said = capfd.readouterr().err.splitlines()
    assert [line for line in said if f"autotrace: {off}" in line and "failed" in line]
    assert f"autotrace: {off} is off after 10 failures" in said
    assert len(said) == len(set(said)) < 2 * len(MANIFEST)


def test_the_guard_itself_may_fail(upstream: Upstream) -> None:
    client = CLIENTS[0]()
    with broken("core:Core._below_ours"), broken("guard:describe") as asked, agent.traced():
        assert within(lambda: client.send(upstream.url()), SAMPLED) == (200, b"hello")
        assert within(lambda: client.send(upstream.url()), SAMPLED) == (200, b"hello")
    client.close()
    assert asked and len(upstream.arrivals) == 2


def test_a_program_that_makes_spans_makes_them_on() -> None:
    with broken("core:Core.internal") as asked, agent.traced():

        def handler() -> str:
            with trace.get_tracer("mine").start_as_current_span("work") as span:
                span.set_attribute("a", 1)
                return "done"

        assert within(handler, SAMPLED) == "done"
    assert asked


def test_a_span_that_cannot_be_encoded_does_not_end_the_others(tmp_path: Path) -> None:
    """The worker is not the application's business either: it goes on."""
    lines = tmp_path / "spans"
    with agent.traced(exporter="jsonl", jsonl_endpoint=str(lines)):
        with broken("tags:Reading.tags") as asked:
            within(int, SAMPLED)
            integration.flush(5)
        assert asked
        within(int, UNSAMPLED)
        within(int, {"b3": "1"})
        integration.flush(5)
    records = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [record["parent_id"] for record in records] == [""]


def test_headers_that_arrive_are_those_that_break_nothing(upstream: Upstream) -> None:
    """The names that these tests leave out of their comparison are really sent."""
    client = CLIENTS[0]()
    with agent.traced():
        within(lambda: client.send(upstream.url()), dict(HEADERS))
    client.close()
    assert len(upstream.one().headers) > len(upstream.one().own) > 2
