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
    "integration:inbound_metadata",
    "integration:outbound",
    "integration:served_call",
    "integration:serving",
    "integration:tell_headers",
    "integration:tell_trailers",
    "integration:tell_grpc_status",
    "integration:tell_route",
    "integrations.grpc_aio_client:_request",
    "integrations.grpc_aio_server:_begin",
    "integrations.grpc_aio_server:_known",
    "integrations.grpc_aio_server:_tell_status",
    "integrations.grpc_client:_begin",
    "integrations.grpc_client:_request",
    "integrations.grpc_inbound:address",
    "integrations.grpc_inbound:answered",
    "integrations.grpc_inbound:begun",
    "integrations.grpc_inbound:framed",
    "integrations.grpc_inbound:left",
    "integrations.grpc_inbound:tell_caller",
    "integrations.grpc_metadata:headers",
    "integrations.grpc_metadata:kept",
    "integrations.grpc_metadata:replaced",
    "integrations.grpc_outbound:_failure",
    "integrations.grpc_outbound:ended",
    "integrations.grpc_outbound:put_on",
    "integrations.grpc_outbound:request",
    "integrations.grpc_server:_begin",
    "integrations.grpc_server:_text",
    "span:Span.__init__",
    "span:Span.end",
)
# Where a call is given up.
_RARE = frozenset(("integrations.grpc_inbound:left",))


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


@pytest.mark.parametrize("point", POINTS)
def test_calls_go_on(point: str, both: Everything) -> None:
    everybody: list[str] = []
    for name, client in both.clients.items():
        calls = partial(outcomes, client, both.servers[name])
        expected = calls()
        with broken(point) as asked, agent.traced():
            assert within(calls, SAMPLED) == expected
            assert within(calls, UNSAMPLED) == expected
            assert calls() == expected
        everybody += asked
    assert everybody or point in _RARE


def test_nothing_fails_by_itself(both: Everything) -> None:
    with agent.traced():
        for name in ("grpc", "grpc.aio"):
            within(partial(outcomes, both.clients[name], both.servers[name]), SAMPLED)
        assert agent.failures() == {}
