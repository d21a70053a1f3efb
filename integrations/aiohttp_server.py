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
from autotrace.integration import CURRENT, Context, Inbound, Patches

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
        entered = None if SITE.off else _entered(self, request)
        if entered is None:
            return await original(self, request, *args, **kwargs)
        # The task ends with the request, so there is nothing to put back.
        if isinstance(entered, Context):
            CURRENT.set(entered)
            return await original(self, request, *args, **kwargs)
        CURRENT.set(entered.context)
        gone = False
        try:
            result = await original(self, request, *args, **kwargs)
            gone = result[1]
            if not gone:
                entered.whole = True
                entered.by_kernel(result[0])
            return result
        finally:
            try:
                _end(request, entered, gone or _is_gone(self))
            except Exception as error:
                integration.failed(SITE, error)

    return _handle_request


def _entered(connection: Any, request: Any) -> Context | _Sent | None:
    """The context to serve a request in, with what is learnt of its response if it is recorded."""
    try:
        message = request._message
        # A head that cannot be read has no request but a stand-in.
        if message.method == "UNKNOWN":
            return None
        # As they came: in its headers aiohttp decodes values as UTF-8.
        inbound = integration.entered_mapping(
            message.headers.keys(), message.raw_headers, _place, _peer, request, CURRENT.get()
        )
        if inbound is None or isinstance(inbound, Context):
            return inbound
        context = integration.serving(inbound)
        if inbound.span is None:
            return context
        _tell(inbound, connection, request)
        return _Sent(inbound, context, request)
    except Exception as error:
        integration.failed(SITE, error)
        return None


def _place(request: Any) -> tuple[str, str, str]:
    message = request._message
    return message.headers.get("Host", ""), message.method, message.path


def _peer(request: Any) -> str:
    return _address(request._transport_peername)


def _tell(inbound: Inbound, connection: Any, request: Any) -> None:
    """Tells the span of a call what is asked for."""
    message = request._message
    if inbound.span is None:
        return
    inbound.span.request = integration.server_request(
        message.method,
        "https" if request._transport_sslcontext else "http",
        message.headers.get("Host") or _own_address(connection),
        message.path,
        "HTTP/{}.{}".format(*message.version),
        _peer(request),
        message.headers.get,
    )
    if integration.notes_instants():
        received = partial(integration.note, inbound.span, "last_downstream_rx_byte_received")
        request._payload.on_eof(received)


def _address(name: Any) -> str:
    # Of a Unix socket it is a path, and mostly empty.
    return str(name[0]) if type(name) is tuple else ""


def _own_address(connection: Any) -> str:
    transport = connection.transport
    name = None if transport is None else transport.get_extra_info("sockname")
    return f"{name[0]}:{name[1]}" if type(name) is tuple else ""


class _Sent:
    """How much of a response was sent, by the writer's own account of its chunks."""

    __slots__ = ("context", "inbound", "size", "whole")

    def __init__(self, inbound: Inbound, context: Context, request: Any) -> None:
        self.inbound = inbound
        self.context = context
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


def _end(request: Any, sent: _Sent, gone: bool) -> None:
    inbound = sent.inbound
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
            if call is not None and (call.span is not None or call.response_headers):
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
