"""The ASGI protocol, once for all servers and frameworks.

A call lasts until its response is complete or the peer left; what the application does after that,
its background tasks, still runs in the context. Of a websocket the handshake is the call: it ends
when the application accepts or refuses, and its messages are nobody's business, but for a span of
the session where that is wanted. `send` and `receive` are handed on as they are, unless the call is
recorded or its response has to tell something.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from autotrace import integration
from autotrace.facts import CLIENT_GONE, CONNECTION_TERMINATION, GrpcRequest, ServerRequest
from autotrace.integration import CALL, CURRENT, Context, Inbound

if TYPE_CHECKING:
    from autotrace.integrations.asgi_session import Session

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[Any]]
Application = Callable[..., Awaitable[Any]]
Headers = Sequence[tuple[bytes, bytes]]

SITE = integration.site("asgi")
# In the scope from the outermost layer on, so that those below make no second span.
MARK = "autotrace.call"

# Bound once, since each of them is called in every request.
_current, _make_current = CURRENT.get, CURRENT.set

_BODILESS = frozenset((204, 304))
# Whole files, which a server that offers these sends by itself.
_FILES = frozenset(("http.response.pathsend", "http.response.zerocopysend"))
_GONE = frozenset(("http.disconnect", "websocket.disconnect"))
# Classes by name, since libraries of other loops have their own.
_CANCELED = frozenset(("CancelledError", "Cancelled", "GeneratorExit"))


async def call(
    application: Application,
    scope: Scope,
    receive: Receive,
    send: Send,
    eager: bool = False,
    has_left: Callable[[], bool] | None = None,
) -> Any:
    """Calls an ASGI application as one inbound call.

    `eager`: the server sends the head of a response at once; the specification has it wait for the
    body. `has_left`: whether the server knows that the client is gone, for applications that never
    ask.
    """
    before = _current()
    entered = None if SITE.off else _entered(scope, receive, send, before, eager, has_left)
    if entered is None:
        return await application(scope, receive, send)
    if not isinstance(entered, Context):
        return await entered.serve(application, scope, receive, send)
    # By this name the lines about an error find it in its traceback.
    context = entered
    _make_current(context)
    try:
        return await application(scope, receive, send)
    finally:
        _make_current(before)
        # A server, or a test, may use one scope for several requests.
        scope.pop(MARK, None)


def entry(method: Application) -> Application:
    """A framework's `__call__(self, scope, receive, send)`, as one inbound call."""

    # Its parameters are spelled out, and it is a coroutine function: servers tell by either what
    # they are given, an application of which version or a function that makes one.
    async def __call__(self: object, scope: Scope, receive: Receive, send: Send) -> Any:
        # As `call` does, but for one coroutine less.
        before = _current()
        entered = None if SITE.off else _entered(scope, receive, send, before)
        if entered is None:
            return await method(self, scope, receive, send)
        if not isinstance(entered, Context):
            return await entered.serve(method.__get__(self), scope, receive, send)
        _make_current(entered)
        try:
            return await method(self, scope, receive, send)
        finally:
            _make_current(before)
            scope.pop(MARK, None)

    return __call__


def handed_over(application: Application) -> Application:
    """The application as a server is to call it; anything but the call goes to the original."""
    # See `wsgi.handed_over`.
    from wrapt import FunctionWrapper

    if isinstance(application, FunctionWrapper):
        return application

    def hand_over(
        wrapped: Application, instance: object, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Awaitable[None]:
        return call(wrapped, *args, **kwargs)

    handed: Application = FunctionWrapper(application, hand_over)
    return handed


def _entered(
    scope: Scope,
    receive: Receive,
    send: Send,
    before: Context,
    eager: bool = False,
    has_left: Callable[[], bool] | None = None,
) -> Context | _Exchange | _Aside | None:
    """The context to serve a call in, or what does that; None for what is to be left alone."""
    try:
        kind = scope["type"]
        if kind != "http" and kind != "websocket":
            return None
        if MARK in scope:
            call = scope[MARK]
            if integration.is_serving(call):
                return None
            # A layer between has put a context of its own in place of ours.
            return _Aside(integration.rejoining(call))
        # The specification lets a scope be without.
        headers = scope.get("headers", ())
        if type(headers) is not list and type(headers) is not tuple:
            # Any iterable will do, and some can be read but once (Falcon's test client).
            headers = scope["headers"] = list(headers)
        try:
            inbound = integration.entered_raw(headers, _place, _peer, scope, before)
        except TypeError:
            # Their items likewise.
            headers = scope["headers"] = [tuple(pair) for pair in headers]
            inbound = integration.entered_raw(headers, _place, _peer, scope, before)
        if isinstance(inbound, Context):
            scope[MARK] = inbound[CALL]
            return inbound
        if inbound is None:
            if integration.served_call() is None:
                return None
            # Begun within the context of another call: a pipelined request, whose task its
            # predecessor's last message makes.
            return _Aside(integration.apart())
        scope[MARK] = inbound
        context = integration.serving(inbound)
        if inbound.span is not None:
            inbound.span.request = _request(scope)
            return _Exchange(inbound, context, receive, send, scope, eager, has_left)
        if inbound.response_headers:
            return _Exchange(inbound, context, receive, send, scope)
        return context
    except Exception as error:
        integration.failed(SITE, error)
        return None


def _place(scope: Scope) -> tuple[str, str, str]:
    """Host, method, and path with query, to decide by."""
    host: bytes = dict(scope.get("headers", ())).get(b"host", b"")
    path = scope.get("path", "")
    query = _query(scope)
    return (
        host.decode("latin-1"),
        scope.get("method", "GET"),
        f"{path}?{query}" if query else path,
    )


def _query(scope: Scope) -> str:
    query = scope.get("query_string") or b""
    # The specification says bytes; Django also takes text, and its test client sends it.
    return query if type(query) is str else query.decode("latin-1")


def _peer(scope: Scope) -> str:
    """The address that connected."""
    client = _address(scope, "client")
    return client[0] if client else ""


def _address(scope: Scope, name: str) -> Any:
    """Host and port of an end, where the server tells."""
    address = scope.get(name)
    if address is None or type(address) is tuple or type(address) is list:
        return address
    # Any iterable will do here too (Falcon's test client), and be left to the application.
    scope[name] = list(address)
    return scope[name]


def _request(scope: Scope) -> ServerRequest:
    fields: dict[bytes, bytes] = dict(scope.get("headers", ()))
    get = scope.get

    def field(name: bytes) -> str:
        value = fields.get(name)
        return "" if value is None else value.decode("latin-1")

    raw = get("raw_path")
    # As sent, where the server tells. Some older ones leave the query in it.
    target = (
        raw.partition(b"?")[0].decode("latin-1")
        if raw
        else quote(get("path", ""), "/:@!$&'()*+,;=~")
    )
    query = _query(scope)
    if query:
        target = f"{target}?{query}"
    host = field(b"host")
    server = None if host else _address(scope, "server")
    if server:
        host = f"{server[0]}:{server[1]}"
    length = field(b"content-length")
    kind = field(b"content-type")
    scheme = get("scheme") or "http"
    made = (GrpcRequest if integration.is_grpc(kind, target) else ServerRequest)(
        get("method", "GET"),
        # A websocket begins as a request of HTTP.
        {"ws": "http", "wss": "https"}.get(scheme, scheme),
        host,
        target,
        f"HTTP/{get('http_version', '1.1')}",
        _peer(scope),
        field(b"user-agent"),
        int(length) if length.isdecimal() and len(length) < 20 else 0,
        field(b"x-envoy-downstream-service-cluster"),
        field(b"x-envoy-original-path"),
    )
    if isinstance(made, GrpcRequest):
        made.content_type = kind
        made.timeout = field(b"grpc-timeout") or None
    return made


def _readable(message: Message) -> Message:
    """The message, with headers that are still there when we have read them."""
    headers = message.get("headers", ())
    if type(headers) is list or type(headers) is tuple:
        return message
    return {**message, "headers": list(headers)}


class _Aside:
    """A context for an application that is no call of its own."""

    __slots__ = ("_context",)

    def __init__(self, context: Context) -> None:
        self._context = context

    async def serve(
        self, application: Application, scope: Scope, receive: Receive, send: Send
    ) -> Any:
        """Calls the application in it."""
        before = _current()
        _make_current(self._context)
        try:
            return await application(scope, receive, send)
        finally:
            _make_current(before)


class _Exchange:
    """What is learnt of the response of a recorded call, between application and server."""

    __slots__ = (
        "_answering",
        "_bodiless",
        "_complete",
        "_context",
        "_eager",
        "_ended",
        "_gone",
        "_has_left",
        "_inbound",
        "_length",
        "_receive",
        "_send",
        "_session",
        "_size",
        "_status",
        "_trailers",
    )

    def __init__(
        self,
        inbound: Inbound,
        context: Context,
        receive: Receive,
        send: Send,
        scope: Scope,
        eager: bool = False,
        has_left: Callable[[], bool] | None = None,
    ) -> None:
        self._inbound = inbound
        self._context = context
        self._receive = receive
        self._send = send
        self._eager = eager
        self._has_left = has_left
        self._status = 0
        self._size = 0
        self._length = 0
        self._bodiless = scope.get("method") == "HEAD"
        # Whether something of the body was sent, by when the server has sent the head too.
        self._answering = False
        self._trailers = False
        self._complete = False
        self._ended = False
        self._gone = False
        self._session: Session | None = None

    async def serve(
        self, application: Application, scope: Scope, receive: Receive, send: Send
    ) -> Any:
        """Calls the application with what stands between it and the server."""
        before = _current()
        # By this name the lines about an error find it in its traceback.
        context = self._context
        _make_current(context)
        try:
            result = await application(scope, self.receive, self.send)
        except BaseException as error:
            self._raised(error)
            raise
        finally:
            _make_current(before)
            scope.pop(MARK, None)
            if self._session is not None:
                self._session.end(sys.exc_info()[1])
        if not self._ended:
            self._over()
        return result

    async def receive(self) -> Message:
        """The server's `receive`, overheard."""
        message = await self._receive()
        try:
            if self._session is not None:
                self._session.received(message)
            elif message["type"] in _GONE:
                # Every call ends so, once its response is complete.
                if not self._complete:
                    self._gone = True
            elif not self._complete and not message.get("more_body"):
                self._note("last_downstream_rx_byte_received")
        except Exception as error:
            integration.failed(SITE, error)
        return message

    async def send(self, message: Message) -> Any:
        """The server's `send`, overheard."""
        if self._ended:
            if self._session is not None:
                self._session.sent(message)
            return await self._send(message)
        try:
            message = _readable(message)
            message = self._heard(message)
        except Exception as error:
            integration.failed(SITE, error)
        try:
            result = await self._send(message)
        except BaseException as error:
            self._complete = False
            # So the specification has servers say that nobody is there any more.
            self._gone = self._gone or isinstance(error, OSError)
            raise
        if self._complete and not self._ended:
            self._over()
            if message["type"] == "websocket.accept":
                self._begin_session()
        return result

    def _begin_session(self) -> None:
        """Has what follows a handshake be a span of its own, where that is wanted."""
        try:
            if integration.spans_sessions():
                from autotrace.integrations import asgi_session

                self._session = asgi_session.begin(self._context)
        except Exception as error:
            integration.failed(SITE, error)

    def _heard(self, message: Message) -> Message:
        """Notes what is said; the message to send, which may be told more in."""
        kind = message["type"]
        if kind == "http.response.body" or kind == "websocket.http.response.body":
            self._size += len(message.get("body", b""))
            if not self._answering:
                self._note("first_downstream_tx_byte_sent")
            self._answering = True
            self._complete = not message.get("more_body") and not self._trailers
        elif kind == "http.response.start" or kind == "websocket.http.response.start":
            self._status = int(message["status"])
            if self._status >= 500:
                self._blamed(sys.exc_info()[1])
            self._trailers = bool(message.get("trailers"))
            for name, value in message.get("headers", ()):
                if name == b"content-length" and value.isdigit():
                    self._length = int(value)
            return self._head(message)
        elif kind == "websocket.accept":
            self._status = 101
            self._complete = True
            return self._head(message)
        elif kind == "websocket.close":
            # Instead of accepting it.
            self._status = 403
            self._complete = True
        elif kind in _FILES:
            self._size += self._length
            self._answering = self._complete = True
        elif kind == "http.response.trailers":
            self._complete = not message.get("more_trailers")
            if self._inbound.span is not None:
                trailers = integration.response_headers_raw(message.get("headers", ()))
                integration.tell_trailers(self._inbound.span, trailers)
        return message

    def _head(self, message: Message) -> Message:
        """The head of the response as it is sent, of which is kept what is wanted."""
        message = self._told(message)
        if self._inbound.span is not None:
            headers = integration.response_headers_raw(message.get("headers", ()))
            integration.tell_headers(self._inbound.span, headers)
        return message

    def _told(self, message: Message) -> Message:
        """The head of the response, with what the call tells in place of the application's own."""
        told = self._inbound.response_headers
        if not told:
            return message
        ours = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in told]
        names = {name for name, _ in ours}
        others = [pair for pair in message.get("headers", ()) if pair[0].lower() not in names]
        return {**message, "headers": [*others, *ours]}

    def _blamed(self, error: BaseException | None) -> None:
        """A response to an exception that is being handled: a framework's page about it."""
        if error is not None:
            self._inbound.raised(error)

    def _raised(self, error: BaseException) -> None:
        """The application raised. After its response that is no part of the call any more."""
        if self._ended:
            return
        try:
            if type(error).__name__ in _CANCELED:
                self._gone = True
            if not self._gone:
                self._inbound.raised(error)
        except Exception as fault:
            integration.failed(SITE, fault)
        self._over()

    def _over(self) -> None:
        """Ends the call: its response is complete, or never will be."""
        self._ended = True
        try:
            flags: tuple[str, ...] = ()
            if self._gone or (self._has_left is not None and self._has_left()):
                # The head is all that an answer to HEAD has, and then the client may leave.
                answered = self._bodiless and self._status
                flags = () if answered else (CLIENT_GONE,)
            elif not self._complete:
                if self._status and (self._answering or self._eager):
                    flags = (CONNECTION_TERMINATION,)
                else:
                    # The server answers for the application.
                    self._status, self._size = 500, 0
            if self._bodiless or self._status in _BODILESS:
                self._size = 0
            self._inbound.finish(self._status, self._size, flags)
        except Exception as error:
            integration.failed(SITE, error)

    def _note(self, instant: str) -> None:
        """Notes one of Envoy's instants."""
        if self._inbound.core.verbose and self._inbound.span is not None:
            self._inbound.span.note(instant)
