"""aiohttp's server: one call for each request, whatever answers it.

The method of the connection that runs a handler and sends its response has a task of its own, whose
context is ours to set. Errors that the server itself answers (a malformed head) are no calls.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.facts import CLIENT_GONE, CONNECTION_TERMINATION
from autotrace.integration import CURRENT, Inbound, Patches

SITE = integration.site("aiohttp_server")
_SWITCHING_PROTOCOLS = 101
_NOT_FOUND = 404


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches where a request is handled, where that fails, and where a response begins."""
    if module.__name__ == "aiohttp.web_response":
        patches.replace(module.StreamResponse, "_write_headers", _write_headers)
    else:
        patches.replace(module.RequestHandler, "_handle_request", _handle_request)
        patches.replace(module.RequestHandler, "handle_error", _handle_error)


def _handle_request(original: Callable[..., Any]) -> Callable[..., Any]:
    async def _handle_request(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        sent: _Sent | None = None
        inbound = None
        try:
            # A head that cannot be read has no request but a stand-in.
            if not SITE.off and request._message.method != "UNKNOWN":
                inbound = _begin(self, request)
                if inbound is not None:
                    context = integration.serving(inbound)
                    if inbound.span is not None:
                        sent = _Sent(request)
        except Exception as error:
            integration.failed(SITE, error)
            inbound = None
        if inbound is None:
            return await original(self, request, *args, **kwargs)
        # The task ends with the request, so there is nothing to put back.
        CURRENT.set(context)
        if sent is None:
            return await original(self, request, *args, **kwargs)
        gone = False
        try:
            result = await original(self, request, *args, **kwargs)
            gone = result[1]
            if not gone:
                sent.whole = True
                sent.by_kernel(result[0])
            return result
        finally:
            try:
                _end(inbound, request, sent, gone or _is_gone(self))
            except Exception as error:
                integration.failed(SITE, error)

    return _handle_request


def _begin(connection: Any, request: Any) -> Inbound | None:
    message = request._message
    peer = _address(request._transport_peername)
    # aiohttp decodes values as UTF-8; we have them as they came.
    pairs = [
        (
            name,
            text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("latin-1"),
        )
        for name, text in message.headers.items()
    ]
    inbound = integration.inbound_headers(
        pairs, lambda: (message.headers.get("Host", ""), message.method, message.path), peer
    )
    if inbound is not None and inbound.span is not None:
        inbound.span.request = integration.server_request(
            message.method,
            "https" if request._transport_sslcontext else "http",
            message.headers.get("Host") or _own_address(connection),
            message.path,
            "HTTP/{}.{}".format(*message.version),
            peer,
            message.headers.get,
        )
        if integration.notes_instants():
            received = partial(integration.note, inbound.span, "last_downstream_rx_byte_received")
            request._payload.on_eof(received)
    return inbound


def _address(name: Any) -> str:
    # Of a Unix socket it is a path, and mostly empty.
    return str(name[0]) if type(name) is tuple else ""


def _own_address(connection: Any) -> str:
    transport = connection.transport
    name = None if transport is None else transport.get_extra_info("sockname")
    return f"{name[0]}:{name[1]}" if type(name) is tuple else ""


class _Sent:
    """How much of a response was sent, by the writer's own account of its chunks."""

    __slots__ = ("size", "whole")

    def __init__(self, request: Any) -> None:
        self.size = 0
        self.whole = False
        # The writer is the request's own. aiohttp's client tells its traces by the same callback.
        request._payload_writer._on_chunk_sent = self.count

    async def count(self, chunk: bytes) -> None:
        """Counts a chunk of the body."""
        self.size += len(chunk)

    def by_kernel(self, response: Any) -> None:
        """A file that the kernel sent is no chunk: its size is what was announced."""
        if not self.size:
            length = response.headers.get("Content-Length", "0")
            self.size = int(length) if length.isdecimal() else 0


def _is_gone(connection: Any) -> bool:
    transport = connection.transport
    return transport is None or transport.is_closing()


def _end(inbound: Inbound, request: Any, sent: _Sent, gone: bool) -> None:
    span = inbound.span
    if span is None:
        return
    match = getattr(request, "_match_info", None)
    resource = None if match is None else match.route.resource
    if resource is not None:
        integration.tell_route(span, resource.canonical)
    elif getattr(getattr(match, "http_exception", None), "status", None) == _NOT_FOUND:
        integration.tell_no_route(span)
    flags: tuple[str, ...] = ()
    if not sent.whole:
        # Cancelled by whoever stops the server, or failed within the body.
        flags = (CLIENT_GONE if gone else CONNECTION_TERMINATION,)
    bodiless = request._message.method == "HEAD" or span.status in (204, 304)
    inbound.finish(span.status, 0 if bodiless else sent.size, flags)


def _handle_error(original: Callable[..., Any]) -> Callable[..., Any]:
    def handle_error(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            error = kwargs.get("exc") or (args[2] if len(args) > 2 else None)
            call = None if SITE.off else integration.served_call()
            # That a client has left is no failure of ours.
            if error and call and not (isinstance(error, ConnectionError) and _is_gone(self)):
                call.raised(error)
        except Exception as fault:
            integration.failed(SITE, fault)
        return original(self, *args, **kwargs)

    return handle_error


def _write_headers(
    original: Callable[..., Coroutine[Any, Any, None]],
) -> Callable[..., Coroutine[Any, Any, None]]:
    def _write_headers(self: Any, *args: Any, **kwargs: Any) -> Coroutine[Any, Any, None]:
        try:
            call = None if SITE.off else integration.served_call()
            if call is not None:
                span = call.span
                if span is not None:
                    span.status = self.status
                    integration.note(span, "first_downstream_tx_byte_sent")
                    pairs = [*call.response_headers, *self._headers.items()]
                    integration.tell_headers(span, integration.response_headers(pairs))
                    if self.status == _SWITCHING_PROTOCOLS:
                        # The span of a websocket is that of its handshake.
                        call.finish(_SWITCHING_PROTOCOLS, 0)
                if call.response_headers:
                    return _write_with(self, call.response_headers, original, args, kwargs)
        except Exception as error:
            integration.failed(SITE, error)
        return original(self, *args, **kwargs)

    return _write_headers


async def _write_with(
    response: Any, pairs: Any, original: Callable[..., Any], args: Any, kwargs: Any
) -> None:
    """Writes the head with headers of ours, which the response itself never has."""
    before = response._headers
    response._headers = before.copy()
    response._headers.update(pairs)
    try:
        await original(response, *args, **kwargs)
    finally:
        response._headers = before
