"""websockets: the handshake of its clients, for asyncio, threads and trio, and of the old one.

A handshake is one exchange, which is over when it is answered; where it is redirected each hop is.
What is said afterwards is no HTTP.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.facts import ClientRequest, Response
from autotrace.integration import Answer, Exchange, Outbound, Patches

SITE = integration.site("websockets")
EXCHANGE = integration.EXCHANGE


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches the handshake of each kind of client, and where its request is written."""
    name = module.__name__
    if name == "websockets.client":
        patches.replace(module.ClientProtocol, "send_request", _send_request)
    elif name == "websockets.sync.client":
        patches.replace(
            module.ClientConnection, "handshake", integration.story("websockets", handshake)
        )
    elif name == "websockets.legacy.client":
        protocol = module.WebSocketClientProtocol
        patches.replace(protocol, "handshake", integration.async_story("websockets", old_handshake))
        patches.replace(protocol, "write_http_request", _write_http_request)
    else:
        patches.replace(
            module.ClientConnection, "handshake", integration.async_story("websockets", handshake)
        )


def handshake(
    connection: Any, *args: Any, **kwargs: Any
) -> Generator[Exchange | Answer, Any, None]:
    """One handshake; it is answered even where the answer is raised."""
    protocol = connection.protocol
    try:
        yield Exchange(_asked(protocol), protocol)
        response = connection.response
    except Exception as error:
        response = getattr(error, "response", None)
        if response is None:
            raise
    yield _answer(response.status_code, connection, response.headers)


def old_handshake(
    protocol: Any, wsuri: Any, *args: Any, **kwargs: Any
) -> Generator[Exchange | Answer, Any, None]:
    """The same for the client that was the only one up to version 12."""
    try:
        yield Exchange(_request(wsuri), protocol)
        status, headers = 101, protocol.response_headers
    except Exception as error:
        # `InvalidStatusCode` and `RedirectHandshake`.
        status = getattr(error, "status_code", 302 if hasattr(error, "uri") else 0)
        if not status:
            raise
        headers = getattr(error, "headers", None)
    yield _answer(status, protocol, headers)


def _asked(protocol: Any) -> ClientRequest:
    # Its name up to version 13.
    return _request(protocol.wsuri if hasattr(protocol, "wsuri") else protocol.uri)


def _request(uri: Any) -> ClientRequest:
    scheme = "https" if uri.secure else "http"
    return ClientRequest("GET", scheme, uri.host, uri.port, uri.resource_name)


def _answer(status: int, connection: Any, headers: Any) -> Answer:
    try:
        peer = connection.remote_address
    except OSError:
        # Who refuses hangs up at once.
        peer = None
    told = None if headers is None else integration.response_headers(headers.raw_items())
    return Answer(Response(status, "HTTP/1.1", peer, headers=told), None)


def _send_request(original: Callable[..., None]) -> Callable[..., None]:
    def send_request(self: Any, request: Any) -> None:
        try:
            if not SITE.off:
                outbound = _begun(self, _asked)
                if outbound is not None:
                    sent = copy.copy(request)
                    sent.headers = _with_ours(request.path, request.headers, outbound)
                    request = sent
                    _note_sent(outbound)
        except Exception as error:
            integration.failed(SITE, error)
        return original(self, request)

    return send_request


def _write_http_request(original: Callable[..., None]) -> Callable[..., None]:
    def write_http_request(self: Any, path: str, headers: Any) -> None:
        try:
            if not SITE.off:
                outbound = _begun(
                    self, lambda old: ClientRequest("GET", "http", old.host, old.port, path)
                )
                if outbound is not None:
                    headers = _with_ours(path, headers, outbound)
                    _note_sent(outbound)
        except Exception as error:
            integration.failed(SITE, error)
        return original(self, path, headers)

    return write_http_request


def _note_sent(outbound: Outbound) -> None:
    """A handshake has no body: it is sent at once."""
    if outbound.span is not None:
        integration.note(outbound.span, "first_upstream_tx_byte_sent")
        integration.note(outbound.span, "last_upstream_tx_byte_sent")


def _begun(carrier: Any, describe: Callable[[Any], ClientRequest]) -> Outbound | None:
    """The exchange of a handshake that is in progress, or what one without a span sends."""
    outbound: Outbound | None = getattr(carrier, EXCHANGE, None)
    if outbound is None:
        return integration.outbound(describe, carrier) if integration.is_passive() else None
    setattr(carrier, EXCHANGE, None)
    outbound.on_wire = True
    return outbound


def _with_ours(path: str, headers: Any, outbound: Outbound) -> Any:
    """A copy of the headers with ours, in place of those of the same names."""
    pairs = list(headers.raw_items())
    head = "\n".join([f"GET {path}", *(f"{name}: {value}" for name, value in pairs)])
    if integration.is_signed(head.lower()):
        return headers
    outbound = outbound.beside([(name.lower(), value) for name, value in pairs])
    kept = [(name, value) for name, value in pairs if not outbound.replaces(name.lower())]
    return type(headers)([*kept, *outbound.pairs])
