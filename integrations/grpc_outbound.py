"""What is told of every gRPC call that goes out, whichever client makes it."""

from __future__ import annotations

from typing import Any

from autotrace import integration
from autotrace.facts import (
    CONNECTION_FAILURE,
    CONNECTION_TERMINATION,
    DNS_FAILURE,
    LOCAL_RESET,
    TIMEOUT,
    ClientRequest,
    Failure,
    Response,
)
from autotrace.integration import Outbound
from autotrace.integrations import grpc_metadata
from autotrace.integrations.grpc_metadata import Metadata

_DEADLINE_EXCEEDED, _UNAVAILABLE = 4, 14
# How gRPC says itself, in the details of UNAVAILABLE, that nobody answered. What servers say is
# their own text.
_UNANSWERED = (
    (
        (CONNECTION_FAILURE, DNS_FAILURE),
        ("dns resolution failed", "errors resolving", "no results from dns"),
    ),
    (
        (CONNECTION_FAILURE,),
        ("failed to connect", "connection refused", "address list", "no children available"),
    ),
    (
        (CONNECTION_TERMINATION,),
        (
            *("socket closed", "transport closed", "endpoint closing", "connection reset"),
            *("broken pipe", "end of stream", "recvmsg:", "write failed", "goaway"),
            *("ping timeout", "keepalive timeout"),
        ),
    ),
)


def request(target: str, method: str) -> ClientRequest:
    """A call of `/package.Service/Method` on a channel to a target, as gRPC names targets.

    https://github.com/grpc/grpc/blob/master/doc/naming.md
    """
    kind, colon, rest = target.partition(":")
    if colon and kind in ("dns", "ipv4", "ipv6", "passthrough", "xds", "unix"):
        # dns://authority/host:port
        target = rest.partition("//")[2].partition("/")[2] if rest.startswith("//") else rest
    host, colon, port = target.rpartition(":")
    if not (colon and port.isdecimal()) or (":" in host and not host.startswith("[")):
        host, port = target, ""
    # Without a target, what is called has a name at least.
    host = host.strip("[]") or method.strip("/").partition("/")[0]
    return ClientRequest("POST", "http", host, int(port) if port else None, method)


def put_on(args: tuple[Any, ...], kwargs: dict[str, Any], outbound: Outbound) -> tuple[Any, ...]:
    """The arguments of a call with our headers among its metadata, its third or by that name.

    Every one of gRPC's has them so, the message or messages first.
    """
    if len(args) > 2:
        return (*args[:2], grpc_metadata.replaced(args[2], outbound), *args[3:])
    kwargs["metadata"] = grpc_metadata.replaced(kwargs.get("metadata"), outbound)
    return args


def note_begin(outbound: Outbound, unary: bool) -> None:
    """Notes that a call is handed to gRPC: all of it, where its request is a single message."""
    if outbound.span is not None:
        integration.note(outbound.span, "first_upstream_tx_byte_sent")
        if unary:
            integration.note(outbound.span, "last_upstream_tx_byte_sent")


def ended(
    outbound: Outbound,
    status: int,
    message: str,
    canceled: bool,
    headers: Metadata = None,
    trailers: Metadata = None,
) -> None:
    """The call is over with this status, sent by the server or made up here."""
    span = outbound.span
    if span is None:
        return
    integration.tell_grpc_status(span, status, message)
    failure = _failure(status, message, canceled)
    if failure is None:
        peer, told = _peer(span.request), grpc_metadata.kept(headers)
        outbound.answered(Response(200, "HTTP/2", peer, headers=told))
        integration.tell_trailers(span, grpc_metadata.kept(trailers))
        outbound.end()
    else:
        outbound.failed(failure)


def _peer(request: object) -> tuple[str, int] | None:
    """The address that answered, where the target is one: gRPC does not tell it otherwise."""
    if not isinstance(request, ClientRequest) or request.port is None:
        return None
    is_address = ":" in request.host or request.host.replace(".", "").isdecimal()
    return (request.host, request.port) if is_address else None


def _failure(status: int, message: str, canceled: bool) -> Failure | None:
    if canceled:
        return Failure((LOCAL_RESET,), "", canceled=True)
    if status == _DEADLINE_EXCEEDED and message.lower().startswith("deadline exceeded"):
        return Failure((TIMEOUT,), message)
    if status == _UNAVAILABLE:
        said = message.lower()
        for flags, texts in _UNANSWERED:
            if any(text in said for text in texts):
                return Failure(flags, message)
    return None
