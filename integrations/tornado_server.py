"""Tornado's web framework: one call for each request that a handler is made for.

It lasts until its response is written or its client left; a websocket's until the handshake.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.facts import CLIENT_GONE, CONNECTION_TERMINATION
from autotrace.integration import CURRENT, Inbound, Patches
from autotrace.integrations import tornado_http1, wsgi

SITE = integration.site("tornado_server")
# What a handler raises to answer. By name, since others derive from them.
_ANSWERS = frozenset(("HTTPError", "Finish"))


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches where a handler is made and run, and where it fails; and WSGI below Tornado."""
    if module.__name__ == "tornado.wsgi":
        patches.replace(module.WSGIContainer, "__init__", _container)
        patches.replace(module.WSGIContainer, "environ", _environ)
    else:
        patches.replace(module._HandlerDelegate, "execute", _execute)
        patches.replace(module.RequestHandler, "_handle_request_exception", _failing)


_container = integration.argument("tornado_server", "wsgi_application", 0, wsgi.handed_over)


def _environ(original: Callable[..., Any]) -> Callable[..., Any]:
    def environ(self: Any, *args: Any, **kwargs: Any) -> Any:
        made = original(self, *args, **kwargs)
        try:
            # Where a handler of Tornado's has handed the request down.
            call = integration.served_call()
            if call is not None:
                made[wsgi.MARK] = call
        except Exception as error:
            integration.failed(SITE, error)
        return made

    return environ


def _execute(original: Callable[..., Any]) -> Callable[..., Any]:
    def execute(self: Any, *args: Any, **kwargs: Any) -> Any:
        inbound: Inbound | None = None
        try:
            if not SITE.off:
                inbound = _begin(self)
                if inbound is not None:
                    context = integration.serving(inbound)
        except Exception as error:
            integration.failed(SITE, error)
            inbound = None
        if inbound is None:
            return original(self, *args, **kwargs)
        # The handler runs in a task, which takes the context that is current when it is made.
        before = CURRENT.get()
        CURRENT.set(context)
        try:
            return original(self, *args, **kwargs)
        except BaseException as error:
            # The handler could not even be made: Tornado closes the connection.
            inbound.raised(error)
            inbound.finish(0, 0, (CONNECTION_TERMINATION,))
            raise
        finally:
            CURRENT.set(before)

    return execute


def _begin(delegate: Any) -> Inbound | None:
    request = delegate.request
    connection = request.connection
    peer = getattr(connection.context, "_orig_remote_ip", None) or request.remote_ip or ""
    inbound = integration.inbound_headers(
        list(request.headers.get_all()),
        lambda: (request.host, request.method, request.uri),
        peer,
    )
    if inbound is None:
        return None
    span = inbound.span
    if span is not None:
        span.request = integration.server_request(
            request.method,
            request.protocol,
            request.host,
            request.uri,
            request.version,
            peer,
            request.headers.get,
        )
        if not delegate.stream_request_body:
            # It is run when all of its request is there.
            integration.note(span, "last_downstream_rx_byte_received")
        route = _route(delegate.application.default_router.rules, delegate)
        if route:
            integration.tell_route(span, route)
        elif delegate.handler_class in _stand_ins(delegate):
            integration.tell_no_route(span)
    if span is not None or inbound.response_headers:
        tornado_http1.put(connection, _Served(inbound))
    return inbound


def _route(rules: Iterable[Any], delegate: Any) -> str:
    """The pattern of the rule that leads to this handler: the router tells the handler only."""
    for rule in rules:
        regex = getattr(rule.matcher, "regex", None)
        if rule.target is delegate.handler_class:
            if regex is not None and regex.match(delegate.request.path):
                return str(regex.pattern).removesuffix("$")
        elif getattr(rule.target, "rules", None):
            found = _route(rule.target.rules, delegate)
            if found:
                return found
    return ""


def _stand_ins(delegate: Any) -> tuple[Any, ...]:
    """What handles a request for which there is no rule."""
    return sys.modules["tornado.web"].ErrorHandler, delegate.application.settings.get(
        "default_handler_class"
    )


class _Served:
    """What is learnt of the response from the connection that it is written to."""

    __slots__ = ("_inbound", "_size")

    def __init__(self, inbound: Inbound) -> None:
        self._inbound = inbound
        self._size = 0

    def begins(self, start_line: Any, headers: Any) -> Any:
        """The head is about to be written."""
        if self._inbound.response_headers:
            headers = headers.copy()
            headers.update(self._inbound.response_headers)
        span = self._inbound.span
        if span is not None:
            span.status = start_line.code
            integration.note(span, "first_downstream_tx_byte_sent")
            integration.tell_headers(span, integration.response_headers(headers.get_all()))
        return headers

    def sends(self, size: int) -> None:
        """So much of the body was written."""
        self._size += size

    def finished(self, gone: bool, error: BaseException | None) -> None:
        """The response was written, or less of it than was announced."""
        if error is not None:
            self._end((CONNECTION_TERMINATION,))
        else:
            self._end((CLIENT_GONE,) if gone else ())

    def left(self) -> None:
        """The client went."""
        self._end((CLIENT_GONE,))

    def _end(self, flags: tuple[str, ...]) -> None:
        span = self._inbound.span
        if span is not None:
            self._inbound.finish(span.status, self._size, flags)


def _failing(original: Callable[..., Any]) -> Callable[..., Any]:
    def _handle_request_exception(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            call = None if SITE.off else integration.served_call()
            if call is not None and call.span is not None:
                error = args[0] if args else kwargs["e"]
                # That a client has left is no failure of ours.
                gone = isinstance(error, OSError) and self.request.connection.stream.closed()
                if not gone and _ANSWERS.isdisjoint(k.__name__ for k in type(error).__mro__):
                    call.raised(error)
        except Exception as fault:
            integration.failed(SITE, fault)
        return original(self, *args, **kwargs)

    return _handle_request_exception
