"""Tornado's client: one exchange for each connection, so one for each hop of a redirect.

A request may wait for its turn, and is begun by whatever ends before it: the context is that of the
code which asked for it. The synchronous client runs this one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from autotrace import integration
from autotrace.facts import ClientRequest, Response
from autotrace.integration import CURRENT, Outbound, Patches
from autotrace.integrations import tornado_http1

SITE = integration.site("tornado_client")
# On a request: the context of whoever asked for it. On what sends it: its exchange.
CONTEXT = "_autotrace_context"
EXCHANGE = integration.EXCHANGE
_SWITCHING_PROTOCOLS = 101


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches where a request waits, is sent and is answered."""
    if module.__name__ == "tornado.websocket":
        # Its handshake is a request like any other, but that nothing follows its answer.
        patches.replace(module.WebSocketClientConnection, "headers_received", _headers_received)
        return
    patches.replace(module.SimpleAsyncHTTPClient, "fetch_impl", keep_context)
    patches.replace(module.SimpleAsyncHTTPClient, "_handle_request", _in_its_context)
    connection = module._HTTPConnection
    patches.replace(connection, "run", _run)
    patches.replace(connection, "_create_connection", _create_connection)
    patches.replace(connection, "headers_received", _headers_received)
    patches.replace(connection, "finish", _finish)
    patches.replace(connection, "_handle_exception", _handle_exception)


def keep_context(original: Callable[..., Any]) -> Callable[..., Any]:
    """Around `fetch_impl`: the context waits with the request, on Tornado's own object."""

    def fetch_impl(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            if not SITE.off:
                setattr(request, CONTEXT, CURRENT.get())
        except Exception as error:
            integration.failed(SITE, error)
        return original(self, request, *args, **kwargs)

    return fetch_impl


def _in_its_context(original: Callable[..., Any]) -> Callable[..., Any]:
    def _handle_request(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        context = vars(request).get(CONTEXT)
        if context is None:
            return original(self, request, *args, **kwargs)
        before = CURRENT.get()
        CURRENT.set(context)
        try:
            return original(self, request, *args, **kwargs)
        finally:
            CURRENT.set(before)

    return _handle_request


class _Asked:
    """What is done with the head of a request; nothing else of the connection tells us anything."""

    __slots__ = ("_outbound",)

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    def begins(self, start_line: Any, headers: Any) -> Any:
        """The headers, with ours in place of those of the same names."""
        self._outbound.on_wire = True
        if self._outbound.span is not None:
            integration.note(self._outbound.span, "first_upstream_tx_byte_sent")
        return with_ours(self._outbound, start_line.path, headers)

    def sends(self, size: int) -> None:
        """So much of the body was sent."""

    def finished(self, gone: bool, error: BaseException | None) -> None:
        """The request was sent."""
        if self._outbound.span is not None and error is None:
            integration.note(self._outbound.span, "last_upstream_tx_byte_sent")

    def left(self) -> None:
        """The server went."""


def with_ours(
    outbound: Outbound, target: str, headers: Any, others: Sequence[tuple[str, str]] = ()
) -> Any:
    """A copy of Tornado's headers with those of the exchange; of a signed request, themselves.

    `others` are sent as well, by somebody else.
    """
    if "Authorization" in headers or "=" in target:
        lines = "\n".join(lines_of(headers))
        if integration.is_signed(f"{target}\n{lines}".lower()):
            return headers
    httputil = sys.modules["tornado.httputil"]
    own = [(name.lower(), value) for name, value in headers.get_all()]
    outbound = outbound.beside([*own, *others])
    try:
        sent = headers.copy()
    except httputil.HTTPInputError:
        # Not to be sent, as Tornado is about to tell the program.
        return headers
    for name in list(sent):
        if outbound.replaces(name.lower()):
            del sent[name]
    for name, value in outbound.pairs:
        sent.add(name, value)
    return sent


def lines_of(headers: Any) -> list[str]:
    """The lines of Tornado's headers, whose values may be bytes too."""
    return [
        f"{name}: {value.decode() if isinstance(value, bytes) else value}"
        for name, value in headers.get_all()
    ]


def request_of(request: Any) -> ClientRequest:
    """The facts of one of Tornado's requests."""
    url = urlsplit(request.url)
    target = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
    return ClientRequest(request.method, url.scheme, url.hostname or "", url.port, target)


def _run(original: Callable[..., Any]) -> Callable[..., Any]:
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            if not SITE.off:
                setattr(self, EXCHANGE, integration.outbound(request_of, self.request))
        except ValueError:
            # Nor will Tornado make anything of such a URL.
            pass
        except Exception as error:
            integration.failed(SITE, error)
        return original(self, *args, **kwargs)

    return run


def _outbound(connection: Any) -> Outbound | None:
    return None if SITE.off else getattr(connection, EXCHANGE, None)


def _create_connection(original: Callable[..., Any]) -> Callable[..., Any]:
    def _create_connection(self: Any, stream: Any, *args: Any, **kwargs: Any) -> Any:
        made = original(self, stream, *args, **kwargs)
        try:
            outbound = _outbound(self)
            if outbound is not None:
                tornado_http1.put(made, _Asked(outbound))
                if outbound.span is not None:
                    outbound.span.peer = stream.socket.getpeername()
        except OSError:
            # The peer has gone already; Tornado will tell.
            pass
        except Exception as error:
            integration.failed(SITE, error)
        return made

    return _create_connection


def _headers_received(original: Callable[..., Any]) -> Callable[..., Any]:
    def headers_received(self: Any, first_line: Any, headers: Any, *args: Any) -> Any:
        try:
            outbound = _outbound(self)
            if outbound is not None and first_line.code != 100:
                told = None
                if outbound.span is not None:
                    told = integration.response_headers(headers.get_all())
                outbound.answered(Response(first_line.code, first_line.version, headers=told))
                if first_line.code == _SWITCHING_PROTOCOLS:
                    _end(self)
        except Exception as error:
            integration.failed(SITE, error)
        return original(self, first_line, headers, *args)

    return headers_received


def _end(connection: Any) -> None:
    outbound = _outbound(connection)
    if outbound is not None:
        setattr(connection, EXCHANGE, None)
        outbound.end()


def _finish(original: Callable[..., Any]) -> Callable[..., Any]:
    def finish(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            # Before the next hop begins.
            _end(self)
        except Exception as error:
            integration.failed(SITE, error)
        return original(self, *args, **kwargs)

    return finish


def _handle_exception(original: Callable[..., Any]) -> Callable[..., Any]:
    def _handle_exception(self: Any, kind: Any, error: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            outbound = _outbound(self)
            if outbound is not None and self.final_callback is not None:
                setattr(self, EXCHANGE, None)
                reason = getattr(error, "real_error", None) or error
                outbound.failed(integration.classify(reason, hasattr(self, "stream")))
        except Exception as fault:
            integration.failed(SITE, fault)
        return original(self, kind, error, *args, **kwargs)

    return _handle_exception
