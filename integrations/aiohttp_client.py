"""aiohttp's client: one client span per exchange, so per hop of a redirect and per attempt.

An exchange begins when a connection is asked for, goes over to the request that is sent and to the
response, and ends with that one's body. A handshake of a websocket is an exchange as well.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import ContextVar
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.facts import ClientRequest, Response
from autotrace.integration import Outbound, Patches

SITE = integration.site("aiohttp_client")
EXCHANGE = integration.EXCHANGE
# On a request: the headers that were put on it.
_PUT = "_autotrace_put"

_SCHEMES = {"ws": "http", "wss": "https"}
# What aiohttp tries again, once.
_RETRIED = frozenset(("ClientOSError", "ServerDisconnectedError"))
# What failed last, as numbers and text: the call of the program, its method and URL, the attempt.
_failure: ContextVar[tuple[int, str, str, int] | None] = ContextVar(
    "autotrace_aiohttp_failure", default=None
)


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches the steps of an exchange, from asking for a connection to the end of the body."""
    patches.replace(module.BaseConnector, "connect", _connect)
    patches.replace(module.ClientRequest, "send", _send)
    patches.replace(module.ClientResponse, "start", _start)
    # Called by whatever ends a response: its last byte, `release`, `close`, the collector.
    patches.replace(module.ClientResponse, "_cleanup_writer", _cleanup_writer)


def _connect(original: Callable[..., Any]) -> Callable[..., Any]:
    async def connect(self: Any, req: Any, *args: Any, **kwargs: Any) -> Any:
        outbound: Outbound | None = None
        try:
            if not SITE.off and not integration.is_passive():
                outbound = integration.outbound(_request, req)
                setattr(req, EXCHANGE, outbound)
        except Exception as error:
            integration.failed(SITE, error)
        if outbound is None or outbound.span is None:
            return await original(self, req, *args, **kwargs)
        try:
            return await original(self, req, *args, **kwargs)
        except BaseException as error:
            _failed(outbound, error, connected=False)
            raise

    return connect


def _request(request: Any) -> ClientRequest:
    url = request.url
    scheme: str = url.scheme
    whole = request.proxy and scheme in ("http", "ws")
    return ClientRequest(
        request.method,
        _SCHEMES.get(scheme, scheme),
        url.host or "",
        url.port,
        str(url) if whole else url.raw_path_qs,
        _attempt(request),
    )


def _attempt(request: Any) -> int:
    """The number of this attempt: aiohttp tries again by itself where a kept connection is gone."""
    before = _failure.get()
    if before is None:
        return 1
    _failure.set(None)
    return before[3] + 1 if before[:3] == _named(request) else 1


def _named(request: Any) -> tuple[int, str, str]:
    # One list of traces serves all attempts of a call; only its number is kept.
    return id(request._traces), request.method, str(request.url)


def _send(original: Callable[..., Any]) -> Callable[..., Any]:
    async def send(self: Any, conn: Any, *args: Any, **kwargs: Any) -> Any:
        outbound: Outbound | None = None
        try:
            # What opens a tunnel is no exchange.
            if not SITE.off and self.method != "CONNECT":
                outbound = _sending(self, conn)
        except Exception as error:
            integration.failed(SITE, error)
        if outbound is None or outbound.span is None:
            return await original(self, conn, *args, **kwargs)
        integration.note(outbound.span, "first_upstream_tx_byte_sent")
        try:
            response = await original(self, conn, *args, **kwargs)
        except BaseException as error:
            _failed(outbound, error, connected=True, request=self)
            raise
        try:
            outbound.on_wire = True
            setattr(response, EXCHANGE, (outbound, _named(self)))
            if integration.notes_instants():
                _when_sent(response, outbound.span)
        except Exception as error:
            integration.failed(SITE, error)
        return response

    return send


def _when_sent(response: Any, span: Any) -> None:
    """Has it noted that all of a request is sent, by the task that sends the rest of it if any."""

    def sent(task: object = None) -> None:
        integration.note(span, "last_upstream_tx_byte_sent")

    if response._writer is None:
        sent()
    else:
        response._writer.add_done_callback(sent)


def _sending(request: Any, connection: Any) -> Outbound | None:
    """Puts the headers on; the exchange is the one that the connector has begun, if any."""
    outbound: Outbound | None = getattr(request, EXCHANGE, None)
    if outbound is None:
        outbound = integration.outbound(_request, request)
        if outbound is None:
            return None
    else:
        setattr(request, EXCHANGE, None)
    _put_headers(request.headers, request, outbound)
    if outbound.span is not None and connection.transport is not None:
        outbound.span.peer = connection.transport.get_extra_info("peername")
    return outbound


def _put_headers(headers: Any, request: Any, outbound: Outbound) -> None:
    """Headers are this one request's own: aiohttp has copied the caller's and the session's."""
    url = request.url
    if "Authorization" in headers or url.raw_query_string:
        lines = [f"{request.method} {url.raw_path_qs}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if integration.is_signed("\n".join(lines).lower()):
            return
    # A middleware may send a request once more, with our headers on it.
    for name, _ in getattr(request, _PUT, ()):
        headers.pop(name, None)
    keys = headers.keys()
    # The view itself compares them in any case.
    if not (keys.isdisjoint(outbound.replaced) and keys.isdisjoint(dict(outbound.pairs))):
        outbound = outbound.beside([(name.lower(), value) for name, value in headers.items()])
        for name in [name for name in headers if outbound.replaces(name.lower())]:
            headers.pop(name, None)
    headers.extend(outbound.pairs)
    setattr(request, _PUT, outbound.pairs)


def _start(original: Callable[..., Any]) -> Callable[..., Any]:
    async def start(self: Any, *args: Any, **kwargs: Any) -> Any:
        sent: tuple[Outbound, tuple[int, str, str]] | None = getattr(self, EXCHANGE, None)
        if sent is None:
            return await original(self, *args, **kwargs)
        outbound, named = sent
        delattr(self, EXCHANGE)
        try:
            result = await original(self, *args, **kwargs)
        except BaseException as error:
            _failed(outbound, error, connected=True, named=named)
            raise
        try:
            version = self.version
            protocol = f"HTTP/{version.major}.{version.minor}" if version else ""
            headers = integration.response_headers(self.headers.items())
            outbound.answered(Response(self.status, protocol, headers=headers))
            # What follows an upgrade is another protocol.
            if self.closed or self.status == 101:
                outbound.end()
            else:
                setattr(self, EXCHANGE, outbound)
        except Exception as error:
            integration.failed(SITE, error)
        return result

    return start


def _failed(
    outbound: Outbound,
    error: BaseException,
    connected: bool,
    request: Any = None,
    named: tuple[int, str, str] | None = None,
) -> None:
    """Ends an exchange; one that was sent may be tried again."""
    try:
        span = outbound.span
        if request is not None:
            named = _named(request)
        if named is not None and span is not None and isinstance(span.request, ClientRequest):
            _failure.set((*named, span.request.attempt))
            if span.request.attempt > 1 and not _RETRIED.isdisjoint(
                kind.__name__ for kind in type(error).__mro__
            ):
                span.request.given_up_at = (0,)
        outbound.failed(integration.classify(error, connected))
    except Exception as fault:
        integration.failed(SITE, fault)


def _cleanup_writer(original: Callable[..., None]) -> Callable[..., None]:
    def _cleanup_writer(self: Any, *args: Any, **kwargs: Any) -> None:
        outbound: Outbound | None = getattr(self, EXCHANGE, None)
        if isinstance(outbound, Outbound):
            delattr(self, EXCHANGE)
            try:
                _end(self, outbound)
            except Exception as error:
                integration.failed(SITE, error)
        return original(self, *args, **kwargs)

    return _cleanup_writer


def _end(response: Any, outbound: Outbound) -> None:
    """The body is over: what went wrong with it is kept by the stream, or just being handled."""
    error = response.content.exception()
    # The one that `close` leaves for later readers says nothing about the exchange.
    if error is None or str(error) == "Connection closed":
        error = sys.exc_info()[1]
        if error is not None and not integration.classify(error, True).canceled:
            error = None
    if error is not None and not isinstance(error, GeneratorExit):
        outbound.failed(integration.classify(error, connected=True))
    outbound.end()
