"""What is told of every gRPC call that arrives, whichever server serves it."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from autotrace import integration
from autotrace.facts import CLIENT_GONE, GrpcRequest
from autotrace.integration import Inbound
from autotrace.integrations import grpc_metadata
from autotrace.integrations.grpc_metadata import Metadata, Metadatum

# The last of `grpc.StatusCode`'s that a server itself answers with.
DEADLINE_EXCEEDED = 4
# What gRPC has for no deadline is hundreds of years away.
_NEVER = 1e9
# Seconds by which a caller that gives up at its deadline may seem to be early here.
_EARLY = 0.01


def tell(inbound: Inbound, method: str, metadata: tuple[Metadatum, ...] | None, host: str) -> None:
    """Tells the span of a call of `/package.Service/Method` what is asked for."""
    if inbound.span is not None:
        inbound.span.request = _request(method, metadata, host)
        integration.tell_route(inbound.span, method)


def _request(method: str, metadata: tuple[Metadatum, ...] | None, host: str) -> GrpcRequest:
    get = dict(metadata or ()).get
    request = GrpcRequest(
        "POST",
        "http",
        host,
        method,
        "HTTP/2",
        "",
        get("user-agent", ""),
        0,
        get("x-envoy-downstream-service-cluster", ""),
        get("x-envoy-original-path", ""),
    )
    # gRPC keeps both headers to itself.
    request.content_type = "application/grpc"
    request.timeout = None
    return request


def address(peer: str) -> str:
    """The IP address, or the path of a socket, that gRPC's name of a peer holds."""
    kind, _, rest = peer.partition(":")
    if kind == "ipv4":
        return rest.rpartition(":")[0]
    # As a part of an address on the web: ipv6:%5B::1%5D:80
    return unquote(rest.rpartition(":")[0]).strip("[]") if kind == "ipv6" else rest


def framed(data: bytes) -> int:
    """How long a message is on the wire, with gRPC's five bytes before it, uncompressed."""
    return 5 + len(data)


def tell_caller(inbound: Inbound, peer: str, seconds: float | None) -> None:
    """Who called, by gRPC's name of it, and how long it waits, as header `grpc-timeout` has it."""
    request = None if inbound.span is None else inbound.span.request
    if isinstance(request, GrpcRequest):
        request.peer = address(peer)
        if seconds is not None and seconds < _NEVER:
            request.timeout = f"{max(0, round(seconds * 1000))}m"


def is_late(seconds: float | None) -> bool:
    """Whether a call ended because there were only so many seconds left."""
    return seconds is not None and seconds <= _EARLY


def number(code: Any) -> int:
    """The number of a status, which may be a `grpc.StatusCode`."""
    return int(code if isinstance(code, int) else code.value[0])


def begun(inbound: Inbound, metadata: Metadata) -> Metadata:
    """The initial metadata of an answer as it is sent, of which is kept what is wanted."""
    if inbound.response_headers:
        metadata = grpc_metadata.told(metadata, inbound.response_headers)
    if inbound.span is not None:
        integration.note(inbound.span, "first_downstream_tx_byte_sent")
        integration.tell_headers(inbound.span, grpc_metadata.kept(metadata))
    return metadata


def tell_trailers(inbound: Inbound, metadata: Metadata) -> None:
    """The trailing metadata of an answer."""
    if inbound.span is not None:
        integration.tell_trailers(inbound.span, grpc_metadata.kept(metadata))


def answered(inbound: Inbound, status: int, message: str, size: int) -> None:
    """Ends a call with the status that was sent."""
    if inbound.span is not None:
        integration.tell_grpc_status(inbound.span, status, message)
        inbound.finish(200, size)


def left(inbound: Inbound, late: bool, begun: bool, size: int) -> None:
    """Ends a call that was given up before its status was sent.

    `late`: its deadline has passed, which gRPC answers by itself; `begun`: headers were sent.
    """
    if late:
        answered(inbound, DEADLINE_EXCEEDED, "Deadline Exceeded", size)
    else:
        inbound.finish(200 if begun else 0, size, (CLIENT_GONE,))
