"""httpcore, and so httpx: one client span per exchange, from waiting for a connection to the body.

The pool is the layer on the wire: it sees each hop of a redirect and each request of an
authentication apart, whatever client is above, and whether HTTP/1.1, HTTP/2 or a proxy is below.
What never gets here, as with httpx's `MockTransport`, is not on the wire.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from functools import partial
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.facts import ClientRequest, Response
from autotrace.integration import Answer, Exchange, Outbound, Patches

SITE = integration.site("httpcore")
EXCHANGE = integration.EXCHANGE
# Among a request's extensions until its body is sent: the span that notes when that is.
_SPAN = "_autotrace_span"
# As a number: looking for bytes in bytes takes Python five times as long.
_EQUALS = ord("=")

Pairs = list[tuple[bytes, bytes]]


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches where a pool takes a request and ends a body, and where a connection sends."""
    _, kind, name = module.__name__.split(".")
    prefix = "Async" if kind == "_async" else ""
    if name != "connection_pool":
        connection = getattr(module, f"{prefix}{name.upper()}Connection")
        sending = partial(_send_request_headers, name == "http11")
        patches.replace(connection, "_send_request_headers", sending)
        if integration.notes_instants():
            sent = _send_async_request_body if prefix else _send_request_body
            patches.replace(connection, "_send_request_body", sent)
        return
    pool = getattr(module, f"{prefix}ConnectionPool")
    # Its name up to 1.0.2.
    body = getattr(module, "PoolByteStream", None) or module.ConnectionPoolByteStream
    if prefix:
        told = integration.async_story("httpcore", exchange, put)
        patches.replace(pool, "handle_async_request", told)
        patches.replace(body, "aclose", _aclose)
    else:
        patches.replace(pool, "handle_request", integration.story("httpcore", exchange, put))
        patches.replace(body, "close", _close)


def exchange(pool: Any, request: Any) -> Generator[Exchange | Answer, Any, None]:
    """One exchange."""
    url = request.url
    scheme = url.scheme.decode("latin-1")
    asked = ClientRequest(
        request.method.decode("latin-1"),
        _SCHEMES.get(scheme, scheme),
        url.host.decode("latin-1"),
        url.port,
        url.target.decode("latin-1"),
    )
    try:
        response = yield Exchange(asked)
    except Exception as error:
        # Only connecting is tried again, within one exchange.
        if getattr(pool, "_retries", 0) and type(error).__name__ in (
            "ConnectError",
            "ConnectTimeout",
        ):
            asked.given_up_at = (0,)
        raise
    protocol = response.extensions.get("http_version", b"").decode("latin-1")
    # What follows an upgrade is another protocol.
    body = None if response.status == 101 else response.stream
    headers = integration.response_headers_raw(response.headers)
    yield Answer(Response(response.status, protocol, headers=headers), body)


_SCHEMES = {"ws": "http", "wss": "https"}


def put(outbound: Outbound, pool: Any, request: Any) -> tuple[Any, Any]:
    """The same request with the exchange in it: a copy, since this one may be used again."""
    sent = object.__new__(type(request))
    # The extensions come through every layer below, while a proxy's makes a request anew.
    extensions = {**request.extensions, EXCHANGE: outbound}
    vars(sent).update(vars(request), extensions=extensions)
    return pool, sent


def _send_request_headers(http11: bool, original: Callable[..., Any]) -> Callable[..., Any]:
    """Puts the headers on, and tells an exchange that it is connected, and to whom."""

    def _send_request_headers(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            request = kwargs["request"]
            outbound = request.extensions.get(EXCHANGE)
            if outbound is not None:
                if request.method != b"CONNECT":
                    # A pool keeps the request of an answer that is neither read nor closed.
                    del request.extensions[EXCHANGE]
                    request.headers = _headers(outbound, request, http11)
                outbound.on_wire = True
                if outbound.span is not None:
                    if integration.notes_instants():
                        request.extensions[_SPAN] = outbound.span
                    integration.note(outbound.span, "first_upstream_tx_byte_sent")
                    outbound.span.peer = self._network_stream.get_extra_info("server_addr")
        except OSError:
            # The peer has gone already; sending will tell.
            pass
        except Exception as error:
            integration.failed(SITE, error)
        return original(self, *args, **kwargs)

    return _send_request_headers


def _headers(outbound: Outbound, request: Any, http11: bool) -> Any:
    """The headers of a request, ours last, in place of those of the same names."""
    headers: Pairs = request.headers
    initials = outbound.initials
    suspects = [pair for pair in headers if pair[0][:2] in initials]
    if suspects or _EQUALS in request.url.target:
        lines = [b"%b %b" % (request.method, request.url.target), *map(b": ".join, suspects)]
        if integration.is_signed(b"\n".join(lines).decode("latin-1").lower()):
            return headers
        if suspects:
            outbound = outbound.beside(
                [(n.decode("latin-1").lower(), v.decode("latin-1")) for n, v in suspects]
            )
            headers = [
                pair for pair in headers if not outbound.replaces(pair[0].decode("latin-1").lower())
            ]
    if http11 and outbound.lines:
        try:
            return _checked(headers, outbound.lines)
        except Exception:
            # The program's own are at fault, of which h11 tells it.
            pass
    return headers + [(name.encode(), value.encode("latin-1")) for name, value in outbound.pairs]


def _checked(headers: Pairs, lines: bytes) -> Any:
    """Headers as h11 has them once it has checked them, and all of ours as if they were one.

    It would check them one by one, which takes it longer than everything else that we do.
    """
    made = sys.modules["h11._headers"].normalize_and_validate(headers)
    name, _, rest = lines.partition(b": ")
    made._full_items.append((name, name, rest))
    return made


def _send_request_body(original: Callable[..., Any]) -> Callable[..., Any]:
    def _send_request_body(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(self, *args, **kwargs)
        _sent(kwargs)
        return result

    return _send_request_body


def _send_async_request_body(original: Callable[..., Any]) -> Callable[..., Any]:
    async def _send_request_body(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = await original(self, *args, **kwargs)
        _sent(kwargs)
        return result

    return _send_request_body


def _sent(arguments: dict[str, Any]) -> None:
    """Notes that all of a request was sent."""
    try:
        span = arguments["request"].extensions.pop(_SPAN, None)
        if span is not None:
            integration.note(span, "last_upstream_tx_byte_sent")
    except Exception as error:
        integration.failed(SITE, error)


def _close(original: Callable[..., None]) -> Callable[..., None]:
    def close(self: Any) -> None:
        outbound = getattr(self, EXCHANGE, None)
        if outbound is None:
            return original(self)
        delattr(self, EXCHANGE)
        error = sys.exc_info()[1]
        try:
            return original(self)
        finally:
            _end(outbound, error)

    return close


def _aclose(original: Callable[..., Any]) -> Callable[..., Any]:
    async def aclose(self: Any) -> None:
        outbound = getattr(self, EXCHANGE, None)
        if outbound is None:
            await original(self)
            return
        delattr(self, EXCHANGE)
        error = sys.exc_info()[1]
        try:
            await original(self)
        finally:
            _end(outbound, error)

    return aclose


def _end(outbound: Outbound, error: BaseException | None) -> None:
    """The body is over; `error` is what was handled meanwhile, perhaps of the program's own."""
    try:
        if error is not None and not isinstance(error, GeneratorExit):
            failure = integration.classify(error, connected=True)
            if failure.canceled or type(error).__module__ == "httpcore":
                outbound.failed(failure)
        outbound.end()
    except Exception as fault:
        integration.failed(SITE, fault)
