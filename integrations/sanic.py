"""Sanic on its own server; where another runs it by ASGI, the protocol's entry is what counts.

At its start Sanic compiles some of its methods anew from their source, so that what is patched are
those that it leaves alone: where a connection gets its handler, and where a response is written.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextvars import ContextVar
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.facts import CLIENT_GONE, CONNECTION_TERMINATION
from autotrace.integration import CURRENT, Context, Inbound, Patches

SITE = integration.site("sanic")
_SWITCHING_PROTOCOLS = 101

RawPair = tuple[bytes, bytes]


class _Exchange:
    """A call on a connection, until its response is over. `rest`: bytes after the first ones."""

    __slots__ = ("context", "inbound", "rest")

    def __init__(self, inbound: Inbound, context: Context) -> None:
        self.inbound = inbound
        self.context = context
        self.rest = 0


# Of the connection's task. Its objects have no room for it.
_exchange: ContextVar[_Exchange | None] = ContextVar("autotrace_sanic", default=None)


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches the handler of a connection, and what is written and looked up for an answer."""
    if module.__name__ == "sanic.server.protocols.http_protocol":
        patches.replace(module.HttpProtocol, "_setup", _setup)
    elif module.__name__ == "sanic.server.protocols.websocket_protocol":
        patches.replace(module.WebSocketProtocol, "websocket_handshake", _handshake)
    elif module.__name__ == "sanic.handlers.error":
        patches.replace(module.ErrorHandler, "_lookup", _lookup)
    else:
        patches.replace(module, "format_http1_response", _format)
        patches.replace(module.Http, "http1_response_chunked", _sends)
        patches.replace(module.Http, "http1_response_normal", _sends)
        patches.replace(module.Http, "error_response", _error_response)


def _setup(original: Callable[..., None]) -> Callable[..., None]:
    def _setup(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.request_handler = _handling(self.request_handler, self)

    return _setup


Handle = Callable[[Any], Coroutine[Any, Any, None]]


def _handling(handle: Handle, connection: Any) -> Handle:
    async def handle_request(request: Any) -> None:
        exchange: _Exchange | None = None
        try:
            _exchange.set(None)
            if not SITE.off:
                exchange = _begin(request)
        except Exception as error:
            integration.failed(SITE, error)
        if exchange is None:
            return await handle(request)
        # The task goes on with the next request of this connection.
        before = CURRENT.get()
        CURRENT.set(exchange.context)
        try:
            await handle(request)
            _end(exchange, request, connection)
        except BaseException:
            # It may still be answered; whoever has lost the client is told by nobody.
            if _is_gone(connection):
                _end(exchange, request, connection)
            raise
        finally:
            CURRENT.set(before)

    return handle_request


def _begin(request: Any) -> _Exchange | None:
    target = request.raw_url.decode("latin-1")
    peer = request.conn_info.client_ip or ""
    # Sanic decodes values as UTF-8; we have them as they came.
    pairs = [
        (
            name,
            text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("latin-1"),
        )
        for name, text in request.headers.items()
    ]
    header = request.headers.get
    inbound = integration.inbound_headers(
        pairs, lambda: (header("host", ""), request.method, target), peer
    )
    if inbound is None:
        return None
    if inbound.span is not None:
        inbound.span.request = integration.server_request(
            request.method,
            "https" if request.conn_info.ssl else "http",
            header("host") or f"{request.conn_info.server}:{request.conn_info.server_port}",
            target,
            f"HTTP/{request.version}",
            peer,
            header,
        )
        if not inbound.span.request.size:
            integration.note(inbound.span, "last_downstream_rx_byte_received")
    exchange = _Exchange(inbound, integration.serving(inbound))
    _exchange.set(exchange)
    return exchange


def _is_gone(connection: Any) -> bool:
    transport = connection.transport
    return transport is None or transport.is_closing() or connection.conn_info.lost


def _end(exchange: _Exchange, request: Any, connection: Any) -> None:
    """The response is over, but for the mark of its end."""
    try:
        span = exchange.inbound.span
        if span is None:
            return
        if request.route is not None:
            integration.tell_route(span, f"/{request.route.path}")
        else:
            integration.tell_no_route(span)
        http = connection._http
        flags: tuple[str, ...] = ()
        # Its slots are empty until they are needed.
        if getattr(http, "response_bytes_left", 0) and http.response_func is not None:
            flags = (CONNECTION_TERMINATION,)
        # A write may find out before the connection is told that it is lost.
        if _is_gone(connection):
            flags = (CLIENT_GONE,)
        size = (getattr(http, "response_size", 0) or 0) + exchange.rest
        if http.head_only:
            size = 0
        exchange.inbound.finish(span.status, size, flags)
    except Exception as error:
        integration.failed(SITE, error)


def _error_response(original: Callable[..., Any]) -> Callable[..., Any]:
    async def error_response(self: Any, *args: Any, **kwargs: Any) -> Any:
        exchange = _exchange.get()
        if exchange is None or exchange.inbound.span is None:
            return await original(self, *args, **kwargs)
        before = CURRENT.get()
        CURRENT.set(exchange.context)
        try:
            return await original(self, *args, **kwargs)
        finally:
            CURRENT.set(before)
            _end(exchange, self.request, self.protocol)

    return error_response


def _format(original: Callable[..., bytes]) -> Callable[..., bytes]:
    def format_http1_response(status: int, headers: Any, *args: Any, **kwargs: Any) -> bytes:
        call: Inbound | None = None
        sent: list[RawPair] = []
        try:
            call = None if SITE.off else integration.served_call()
            if call is not None and (call.span is not None or call.response_headers):
                headers = _sent(headers, call, sent)
        except Exception as error:
            integration.failed(SITE, error)
        formatted = original(status, headers, *args, **kwargs)
        try:
            if call is not None and call.span is not None:
                call.span.status = status
                integration.note(call.span, "first_downstream_tx_byte_sent")
                integration.tell_headers(call.span, integration.response_headers_raw(sent))
        except Exception as error:
            integration.failed(SITE, error)
        return formatted

    return format_http1_response


def _sent(headers: Iterable[RawPair], call: Inbound, sent: list[RawPair]) -> Iterator[RawPair]:
    """The headers, which Sanic makes one by one, once, with ours in place of the same names."""
    ours = [(name.encode(), value.encode("latin-1")) for name, value in call.response_headers]
    names = {name for name, _ in ours}

    def each() -> Iterator[RawPair]:
        for pair in headers:
            if pair[0].lower() not in names:
                sent.append(pair)
                yield pair
        sent.extend(ours)
        yield from ours

    return each()


def _sends(original: Callable[..., Any]) -> Callable[..., Any]:
    def sends(self: Any, data: bytes, *args: Any, **kwargs: Any) -> Any:
        exchange = _exchange.get()
        if exchange is not None and type(data) is bytes:
            exchange.rest += len(data)
        return original(self, data, *args, **kwargs)

    return sends


def _lookup(original: Callable[..., Any]) -> Callable[..., Any]:
    def _lookup(self: Any, exception: BaseException, *args: Any, **kwargs: Any) -> Any:
        found = original(self, exception, *args, **kwargs)
        try:
            call = None if SITE.off or found else integration.served_call()
            # Sanic's own exceptions are answers, and have a status.
            if call is not None and not hasattr(exception, "status_code"):
                call.raised(exception)
        except Exception as error:
            integration.failed(SITE, error)
        return found

    return _lookup


def _handshake(original: Callable[..., Any]) -> Callable[..., Any]:
    async def websocket_handshake(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = await original(self, *args, **kwargs)
        try:
            # The span of a websocket is that of its handshake.
            exchange = _exchange.get()
            if exchange is not None and exchange.inbound.span is not None:
                exchange.inbound.span.status = _SWITCHING_PROTOCOLS
                _end(exchange, self._http.request, self)
        except Exception as error:
            integration.failed(SITE, error)
        return result

    return websocket_handshake
