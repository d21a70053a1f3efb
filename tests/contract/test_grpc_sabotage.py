"""gRPC while one part of the agent after another raises: the program notices nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

import pytest

grpc = pytest.importorskip("grpc")

from tests.contract import agent  # noqa: E402
from tests.contract.calls import SAMPLED, UNSAMPLED, within  # noqa: E402
from tests.contract.grpc_calls import KINDS, Client, Everything, Server, everything  # noqa: E402
from tests.contract.test_sabotage import broken  # noqa: E402

# What the calls of both kinds pass.
POINTS = (
    "call:Inbound.finish",
    "call:Outbound.answered",
    "call:Outbound.end",
    "call:Outbound.failed",
    "core:Core._headers",
    "core:Core._record",
    "core:Core.inbound",
    "core:Core.outbound",
    "integration:capture_pairs",
    "integration:entered_metadata",
    "integration:outbound",
    "integration:serving",
    "integration:tell_headers",
    "integration:tell_trailers",
    "integration:tell_grpc_status",
    "integration:tell_route",
    "integrations.grpc_inbound:address",
    "integrations.grpc_inbound:answered",
    "integrations.grpc_inbound:begun",
    "integrations.grpc_inbound:framed",
    "integrations.grpc_inbound:tell_caller",
    "integrations.grpc_metadata:text",
    "integrations.grpc_metadata:kept",
    "integrations.grpc_metadata:replaced",
    "integrations.grpc_outbound:_failure",
    "integrations.grpc_outbound:ended",
    "integrations.grpc_outbound:put_on",
    "integrations.grpc_outbound:request",
    "span:Span.__init__",
    "span:Span.end",
)
OF_KIND = {
    "grpc": (
        "integrations.grpc_client:_begin",
        "integrations.grpc_client:_request",
        "integrations.grpc_server:_begin",
        "integrations.grpc_server:_text",
    ),
    "grpc.aio": (
        "integration:served_call",
        "integrations.grpc_aio_client:_request",
        "integrations.grpc_aio_server:_begin",
        "integrations.grpc_aio_server:_known",
        "integrations.grpc_aio_server:_tell_status",
    ),
}
BROKEN = [(kind, point) for kind in OF_KIND for point in (*POINTS, *OF_KIND[kind])]


@pytest.fixture(scope="module")
def both() -> Iterator[Everything]:
    with everything() as made:
        yield made


def outcomes(client: Client, server: Server) -> list[object]:
    """What a program sees of its calls, and what of its own metadata arrives."""
    server.service.clear()
    metadata = [("a", "1"), ("a", "2"), ("x-bin", b"\xff"), ("traceparent", "mine")]
    seen: list[object] = []
    for kind in KINDS:
        for message in ("ok", "abort 5", "set 3", "raise", "first raise"):
            try:
                seen.append(client.send(server.target, kind, message, metadata=metadata))
            except grpc.RpcError as error:
                seen.append((error.code(), error.details()))
    for pairs in server.service.arrivals:
        seen.append([pair for pair in pairs if pair[0] in ("a", "x-bin")])
        assert len([key for key, _ in pairs if key == "traceparent"]) == 1
    seen += [metadata, list(server.service.order)]
    try:
        client.send("127.0.0.1:1", "unary_unary", "ok")
    except grpc.RpcError as error:
        seen.append((error.code(), re.sub("[0-9]+", "", error.details() or "")[:40]))
    return seen


@pytest.mark.parametrize(("kind", "point"), BROKEN)
def test_calls_go_on(kind: str, point: str, both: Everything) -> None:
    calls = partial(outcomes, both.clients[kind], both.servers[kind])
    expected = calls()
    with broken(point) as asked, agent.traced():
        assert within(calls, SAMPLED) == expected
        assert within(calls, UNSAMPLED) == expected
        assert calls() == expected
    assert asked, "nothing of it was broken"


@pytest.mark.parametrize("kind", OF_KIND)
def test_a_call_is_given_up(kind: str, both: Everything) -> None:
    client, server = both.clients["grpc"], both.servers[kind]
    server.service.clear()
    with broken("integrations.grpc_inbound:left") as asked, agent.traced():
        given_up = client.begin(server.target, "unary_stream", "first wait")
        assert next(given_up) == b"first"
        assert server.service.begun.acquire(timeout=agent.PATIENCE)
        given_up.cancel()
        # Others are answered, before the server knows of it and after.
        for _ in range(10_000):
            assert client.send(server.target, "unary_unary", "ok") == [b"done"]
            if asked:
                break
    assert asked, "nothing of it was broken"


def test_nothing_fails_by_itself(both: Everything) -> None:
    with agent.traced():
        for name in ("grpc", "grpc.aio"):
            within(partial(outcomes, both.clients[name], both.servers[name]), SAMPLED)
        assert agent.failures() == {}
