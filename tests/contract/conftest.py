"""Fixtures: the upstream service, a server of each kind, a client of each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.contract import agent
from tests.contract import upstream as upstreams
from tests.contract.agent import Spans
from tests.contract.clients import CLIENTS, Client
from tests.contract.servers import SERVERS, Served, Server
from tests.contract.upstream import Upstream

Serve = Callable[..., Served]


@pytest.fixture(scope="session")
def one_upstream() -> Iterator[Upstream]:
    with upstreams.serving() as upstream:
        yield upstream


@pytest.fixture
def upstream(one_upstream: Upstream) -> Upstream:
    """The service that is called, with nothing arrived yet."""
    one_upstream.clear()
    return one_upstream


@pytest.fixture
def spans() -> Iterator[Spans]:
    """The agent at work with its defaults, and the spans that it makes."""
    with agent.traced() as spans:
        yield spans


@pytest.fixture(params=SERVERS, ids=lambda server: server.name)
def server(request: pytest.FixtureRequest) -> Server:
    """The driver of each server."""
    driver: Server = request.param
    names = request.node.originalname, *request.node.callspec.params.values()
    for name in names:
        if isinstance(name, str) and name in driver.cannot:
            pytest.skip(f"{driver.name}: {driver.cannot[name]}")
    return driver


@pytest.fixture(scope="session")
def kept() -> Iterator[tuple[ExitStack, dict[object, Served]]]:
    """Servers in processes of their own, started once for each set of settings."""
    with ExitStack() as stack:
        yield stack, {}


@pytest.fixture
def serve(server: Server, kept: tuple[ExitStack, dict[object, Served]]) -> Iterator[Serve]:
    """Starts the server with settings, or without the agent."""
    with ExitStack() as stack:

        def serve(traced: bool = True, **settings: str) -> Served:
            if server.in_process:
                # There is one agent at a time, and none for a server that is not traced.
                stack.close()
                return stack.enter_context(server.start(settings, traced))
            key = server.name, traced, tuple(settings.items())
            if key not in kept[1]:
                kept[1][key] = kept[0].enter_context(server.start(settings, traced))
            served = kept[1][key]
            served.spans.clear()
            return served

        yield serve


@pytest.fixture
def upstream_port(upstream: Upstream) -> int:
    """Where it listens."""
    return upstream.port


@pytest.fixture(params=CLIENTS, ids=lambda client: client.name)
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    """The driver of each client library."""
    driver: Client = request.param()
    try:
        yield driver
    finally:
        driver.close()
