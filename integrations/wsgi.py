"""The WSGI protocol (PEP 3333), once for all servers and frameworks.

The call lasts until its body has ended, was closed, or the peer left; its context is current only
while code of the application runs. What is not sampled costs no object but a body iterator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import quote

from autotrace import integration
from autotrace.facts import CLIENT_GONE, CONNECTION_TERMINATION, GrpcRequest, ServerRequest
from autotrace.integration import CURRENT, Context, Inbound

Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], object]]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

SITE = integration.site("wsgi")
# In the environ from the outermost layer on, so that those below make no second span.
MARK = "autotrace.call"


def call(
    application: Application,
    environ: Environ,
    start_response: StartResponse,
    framework: bool = False,
) -> Iterable[bytes]:
    """Calls a WSGI application as one inbound call.

    `framework`: the application is a framework's own, which knows what its body is made of.
    """
    if MARK in environ and integration.is_serving(environ[MARK]):
        body = application(environ, start_response)
        if framework and environ[MARK].sends_data:
            environ[MARK].data = body
        return body
    before = CURRENT.get()
    if SITE.off or (before and _answers_for_a_handler(environ)):
        return application(environ, start_response)
    exchange: _Exchange | None = None
    try:
        inbound = integration.inbound_environ(environ)
        if inbound is not None:
            context = integration.serving(inbound)
            environ[MARK] = inbound
            if inbound.span is not None:
                inbound.span.request = _request(environ)
                exchange = _Exchange(inbound, start_response)
                if not inbound.span.request.size:
                    integration.note(inbound.span, "last_downstream_rx_byte_received")
            elif inbound.response_headers:
                start_response = _telling(inbound, start_response)
    except Exception as error:
        integration.failed(SITE, error)
        inbound = None
    if inbound is None:
        return application(environ, start_response)

    CURRENT.set(context)
    try:
        if exchange is None:
            body = application(environ, start_response)
        else:
            try:
                body = application(environ, exchange.start_response)
            except BaseException as error:
                exchange.raised(error)
                raise
    finally:
        CURRENT.set(before)

    kind = type(body)
    # Whether nothing of the application runs while the body is sent. Of a framework's body that
    # is only true as long as nobody has put another around it.
    data = kind is list or kind is tuple
    if inbound.sends_data:
        data = framework
        if not framework:
            data = body is inbound.data
            inbound.data = None
    if exchange is not None:
        return exchange.wrapped(body, environ, None if data else context)
    if data or _sent_by_server(body, environ):
        return body
    return (_SizedSteps if hasattr(kind, "__len__") else _Steps)(body, context)


def _answers_for_a_handler(environ: Environ) -> bool:
    """Whether a handler of `http.server` has called the application to answer its request."""
    inbound = integration.served_call()
    if inbound is None or not inbound.by_hand:
        return False
    # What it calls besides is a request of its own.
    inbound.by_hand = False
    environ[MARK] = inbound
    return True


def handed_over(application: Application) -> Application:
    """The application as a server is to call it; anything but the call goes to the original."""
    # A proxy, so that a server's attribute with the application in it still looks like it. wrapt
    # is loaded here only: it costs more to import than the rest of us, and few programs need it.
    from wrapt import FunctionWrapper

    if isinstance(application, FunctionWrapper):
        return application

    def hand_over(
        wrapped: Application, instance: object, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Iterable[bytes]:
        if len(args) == 2 and not kwargs:
            return call(wrapped, *args)
        return wrapped(*args, **kwargs)

    handed: Application = FunctionWrapper(application, hand_over)
    return handed


def entry(method: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """A framework's `__call__(self, environ, start_response)`, as one inbound call."""

    def __call__(self: object, *args: Any, **kwargs: Any) -> Iterable[bytes]:
        if len(args) == 2 and not kwargs:
            return call(method.__get__(self), args[0], args[1], True)
        return method(self, *args, **kwargs)

    return __call__


def _telling(inbound: Inbound, start_response: StartResponse) -> StartResponse:
    """The server's `start_response`, with headers of ours in the response."""

    def telling(
        status: str, headers: list[tuple[str, str]], *args: Any, **kwargs: Any
    ) -> Callable[[bytes], object]:
        return start_response(status, _told(headers, inbound), *args, **kwargs)

    return telling


def _told(headers: list[tuple[str, str]], inbound: Inbound) -> list[tuple[str, str]]:
    """Response headers with those that the call tells, in place of the application's own."""
    try:
        told = inbound.response_headers
        names = {name for name, _ in told}
        return [*(pair for pair in headers if pair[0].lower() not in names), *told]
    except Exception as error:
        integration.failed(SITE, error)
        return headers


def _request(environ: Environ) -> ServerRequest:
    get = environ.get
    # As sent, where the server tells; else put together again (PEP 3333, URL Reconstruction).
    target = get("RAW_URI") or get("REQUEST_URI")
    if not target:
        target = quote(get("SCRIPT_NAME", "") + get("PATH_INFO", ""), "/:@!$&'()*+,;=~", "latin-1")
        query = get("QUERY_STRING")
        if query:
            target = f"{target}?{query}"
    host = get("HTTP_HOST")
    if not host:
        host = f"{get('SERVER_NAME', '')}:{get('SERVER_PORT', '')}"
    # A number with some test clients: Django's.
    length = str(get("CONTENT_LENGTH") or "0")
    kind = get("CONTENT_TYPE") or ""
    grpc = kind.startswith("application/grpc") and integration.is_grpc(kind, target)
    made = (GrpcRequest if grpc else ServerRequest)(
        get("REQUEST_METHOD", ""),
        get("wsgi.url_scheme", "http"),
        host,
        target,
        get("SERVER_PROTOCOL", ""),
        get("REMOTE_ADDR") or "",
        get("HTTP_USER_AGENT", ""),
        int(length) if length.isdecimal() and len(length) < 20 else 0,
        get("HTTP_X_ENVOY_DOWNSTREAM_SERVICE_CLUSTER", ""),
        get("HTTP_X_ENVOY_ORIGINAL_PATH", ""),
    )
    if isinstance(made, GrpcRequest):
        made.content_type = kind
        made.timeout = get("HTTP_GRPC_TIMEOUT")
    return made


def _sent_by_server(body: object, environ: Environ) -> bool:
    # Servers know their own file wrapper by its class, and may hand it to the kernel.
    return body is None or type(body) is environ.get("wsgi.file_wrapper")


class _Steps:
    """A response body whose every step runs in the context of its call."""

    __slots__ = ("_body", "_context")

    def __init__(self, body: Iterable[bytes], context: Context) -> None:
        self._body = body
        self._context = context

    def __iter__(self) -> Iterator[bytes]:
        # A generator, whose end costs its caller less than that of an iterator in Python.
        context = self._context
        iterator: Iterator[bytes] | None = None
        while True:
            before = CURRENT.get()
            CURRENT.set(context)
            try:
                if iterator is None:
                    iterator = iter(self._body)
                chunk = next(iterator)
            except StopIteration:
                return
            finally:
                CURRENT.set(before)
            yield chunk

    def close(self) -> None:
        """Closes the application's body, if that can be closed."""
        close = getattr(self._body, "close", None)
        if close is None:
            return
        before = CURRENT.get()
        CURRENT.set(self._context)
        try:
            close()
        finally:
            CURRENT.set(before)


class _SizedSteps(_Steps):
    """The same for a body with a length, from which servers derive `Content-Length`."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(self._body)  # type: ignore[arg-type]


class _Exchange:
    """What is learnt of the response of a recorded call."""

    __slots__ = ("_headers", "_inbound", "_start_response", "_status", "size")

    def __init__(self, inbound: Inbound, start_response: StartResponse) -> None:
        self._inbound = inbound
        self._start_response = start_response
        self._status = ""
        self._headers: list[tuple[str, str]] | None = None
        self.size = 0

    def start_response(
        self, status: str, headers: list[tuple[str, str]], *args: Any, **kwargs: Any
    ) -> Callable[[bytes], object]:
        """The server's `start_response`, overheard."""
        if self._inbound.response_headers:
            headers = _told(headers, self._inbound)
        write = self._start_response(status, headers, *args, **kwargs)
        self._status = status
        self._headers = headers
        try:
            if self._inbound.span is not None:
                integration.tell_headers(self._inbound.span, integration.response_headers(headers))
        except Exception as error:
            integration.failed(SITE, error)

        def counted(data: bytes) -> object:
            self.size += len(data)
            return write(data)

        return counted

    def raised(self, error: BaseException, complete: bool = False) -> None:
        """The application raised, before its response was `complete` or when closing it.

        Nothing is sent before the body begins, so that the server still answers with a 500;
        after that its client sees a connection that breaks off within the response.
        """
        try:
            self._inbound.raised(error)
            if not complete and not self.size:
                self._status = "500"
            self.end((CONNECTION_TERMINATION,) if self.size and not complete else ())
        except Exception as fault:
            integration.failed(SITE, fault)

    def wrapped(
        self, body: Iterable[bytes], environ: Environ, context: Context | None
    ) -> Iterable[bytes]:
        """The body, so that its end is seen, behaving as the application's own for the server."""
        try:
            if body is None:
                self.end(())
                return body
            if _sent_by_server(body, environ):
                return self._closing_file(body)
            made = _SizedBody if hasattr(type(body), "__len__") else _Body
            return made(body, context, self)
        except Exception as error:
            integration.failed(SITE, error)
        return body

    def _closing_file(self, body: Any) -> Iterable[bytes]:
        close = getattr(body, "close", None)

        def ended() -> None:
            try:
                if close is not None:
                    close()
            finally:
                self.end_file()

        try:
            body.close = ended
        except AttributeError:
            self.end_file()
        return body  # type: ignore[no-any-return]

    def end_file(self) -> None:
        """The server sent a file by itself: its size is what was announced."""
        try:
            for name, value in self._headers or ():
                if name.lower() == "content-length" and value.isdecimal():
                    self.size = int(value)
            self.end(())
        except Exception as error:
            integration.failed(SITE, error)

    def bodiless(self) -> bool:
        """Whether servers send no body whatever the application yields (RFC 9110 6.4.1)."""
        span = self._inbound.span
        request = None if span is None else span.request
        head = isinstance(request, ServerRequest) and request.method == "HEAD"
        return head or self._status.startswith(("1", "204", "304"))

    def note(self, instant: str) -> None:
        """Notes one of Envoy's instants."""
        if self._inbound.core.verbose and self._inbound.span is not None:
            self._inbound.span.note(instant)

    def end(self, flags: tuple[str, ...]) -> None:
        """The response is over."""
        code = self._status[:3]
        size = 0 if self.bodiless() else self.size
        self._inbound.finish(int(code) if code.isdecimal() else 0, size, flags)


class _Body:
    """The body of a recorded call: counted, and the end of the call when it ends.

    Without a context nothing of the application runs in its steps, and none is made current.
    """

    __slots__ = ("_body", "_context", "_ended", "_exchange", "_exhausted")

    def __init__(self, body: Iterable[bytes], context: Context | None, exchange: _Exchange) -> None:
        self._body = body
        self._context = context
        self._exchange = exchange
        self._exhausted = False
        self._ended = False

    def __iter__(self) -> Iterator[bytes]:
        exchange = self._exchange
        steps = self._body if self._context is None else _Steps(self._body, self._context)
        try:
            for chunk in steps:
                # What is not bytes the server will complain of, not we.
                if type(chunk) is bytes:
                    exchange.size += len(chunk)
                exchange.note("first_downstream_tx_byte_sent")
                yield chunk
        except GeneratorExit:
            # The server has dropped us; close() tells the rest.
            raise
        except BaseException as error:
            self._raised(error)
            raise
        self._exhausted = True

    def close(self) -> None:
        """Closes the application's body, then ends the call."""
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                if self._context is None:
                    close()
                else:
                    _Steps(self._body, self._context).close()
        except BaseException as error:
            self._raised(error)
            raise
        finally:
            self._end(left=not self._exhausted)

    def _raised(self, error: BaseException) -> None:
        if not self._ended:
            self._ended = True
            self._exchange.raised(error, self._exhausted)

    def _end(self, left: bool) -> None:
        """The response is over; `left`: closed before its end, since the client is gone."""
        if self._ended:
            return
        self._ended = True
        try:
            self._exchange.end((CLIENT_GONE,) if left and not self._exchange.bodiless() else ())
        except Exception as error:
            integration.failed(SITE, error)

    def __del__(self) -> None:
        # A server that never calls close() has sent all that it wanted when it drops the body.
        self._end(left=False)


class _SizedBody(_Body):
    """The same for a body with a length."""

    __slots__ = ("_before",)

    def __len__(self) -> int:
        return len(self._body)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[bytes]:
        # gevent's server begins to send, and then goes through all of it to add it up.
        exchange = self._exchange
        size = self._before = getattr(self, "_before", exchange.size)
        for chunk in super().__iter__():
            if type(chunk) is bytes:
                size += len(chunk)
                exchange.size = size
            yield chunk
