"""A client cannot tell whether its server is traced, and neither can the application."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from tests.contract import wire
from tests.contract.application import PATHS
from tests.contract.conftest import Serve
from tests.contract.servers import Served, Server
from tests.contract.upstream import Upstream

HEADERS = [
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ("X-Request-Id", "F47AC10B-58CC-4372-A567-0E02B2C3D479"),
    ("b3", "d"),
    ("Cookie", "a=b"),
]
ENDLESS = {"/endless", "/counts", "/barrier"}


def answers(
    served: Served, upstream: Upstream, method: str, cannot: Collection[str] = ()
) -> dict[str, object]:
    """What a client gets for every path of the application."""
    body = b"some body" if method == "POST" else b""
    return {
        path: served.get(f"{path}?{upstream.port}", HEADERS, method, body).comparable()
        for path in [*PATHS, "/no-such-path"]
        if path not in ENDLESS and path not in cannot and (body or path != "/echo")
    }


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("settings", [{}, {"random_sampling": "0"}, {"mode": "propagate"}])
def test_every_answer_is_as_without_the_agent(
    method: str, settings: dict[str, str], serve: Serve, server: Server, upstream: Upstream
) -> None:
    """Status line, headers and body, byte for byte."""
    traced = answers(serve(**settings), upstream, method, server.cannot)
    assert traced == answers(serve(traced=False), upstream, method, server.cannot)
    assert len(traced) > 20


def test_connections_are_kept_as_long_as_without_the_agent(serve: Serve) -> None:
    def replies(served: Served) -> list[object]:
        """The answers to requests on one connection, as long as there are any, or ten."""
        found: list[object] = []
        with wire.connect(served.port) as connection, connection.makefile("rb") as stream:
            wire.send(connection, "/single")
            reply: wire.Reply | None = wire.receive(stream)
            while reply is not None and len(found) < 10:
                found.append(reply.comparable())
                reply = wire.again(reply, connection, stream, "/single")
        return found

    assert replies(serve()) == replies(serve(traced=False))
