"""`http.client`, and so every synchronous client that stands on it.

Headers are put on the message itself, as the last lines before it is sent: whatever the caller
passed and in whatever case, each goes out once, and none of its objects changes. An exchange lasts
from `endheaders` to the end of the response's body.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.facts import ClientRequest, Response
from autotrace.integration import Outbound, Patches

SITE = integration.site("http_client")
# On a connection: the exchange in progress, None, or False for connections to leave alone.
# On a response: the exchange whose body it is.
EXCHANGE = integration.EXCHANGE

_INITIAL = itemgetter(slice(2))
# As a number: looking for bytes in bytes takes Python five times as long.
_EQUALS = ord("=")
_VERSIONS = {9: "HTTP/0.9", 10: "HTTP/1.0", 11: "HTTP/1.1"}


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches where a request is sent, where its answer arrives and where that ends."""
    patches.replace(module.HTTPConnection, "endheaders", _endheaders)
    if not integration.makes_spans():
        return
    patches.replace(module.HTTPConnection, "getresponse", _getresponse)
    patches.replace(module.HTTPResponse, "_close_conn", _close_conn)


def _endheaders(original: Callable[..., None]) -> Callable[..., None]:
    def endheaders(self: Any, *args: Any, **kwargs: Any) -> None:
        outbound: Outbound | None = None
        try:
            outbound = None if SITE.off else _begin(self)
        except Exception as error:
            integration.failed(SITE, error)
        if outbound is None or outbound.span is None:
            return original(self, *args, **kwargs)
        span = outbound.span
        integration.note(span, "first_upstream_tx_byte_sent")
        try:
            original(self, *args, **kwargs)
        except BaseException as error:
            _failed(self, outbound, error, self.sock is not None)
            raise
        try:
            integration.note(span, "last_upstream_tx_byte_sent")
            span.peer = self.sock.getpeername()
        except (OSError, AttributeError):
            # The peer has gone already; the response will tell.
            return None
        return None

    return endheaders


def _begin(connection: Any) -> Outbound | None:
    """Begins the exchange, or goes on with the one that a layer above has begun."""
    # Not through `__dict__`: asking for that makes every attribute of an object slower to read.
    exchange: Outbound | bool | None = getattr(connection, EXCHANGE, None)
    if exchange is False:
        return None
    buffer: list[bytes] = connection._buffer
    if isinstance(exchange, Outbound) and not exchange.on_wire:
        exchange.on_wire = True
        _put_headers(buffer, exchange)
        return exchange
    outbound = integration.outbound(_request, connection)
    if outbound is None or outbound.span is None:
        if exchange is not None:
            # Left over from an exchange that never got its answer.
            setattr(connection, EXCHANGE, None)
    else:
        setattr(connection, EXCHANGE, outbound)
        outbound.on_wire = True
    if outbound is not None:
        _put_headers(buffer, outbound)
    return outbound


def _request(connection: Any) -> ClientRequest:
    line: bytes = connection._buffer[0]
    method, _, rest = line.decode("latin-1").partition(" ")
    return ClientRequest(
        method,
        "https" if connection.default_port == 443 else "http",
        getattr(connection, "_tunnel_host", None) or connection.host,
        getattr(connection, "_tunnel_port", None) or connection.port,
        rest.rpartition(" ")[0],
    )


def _put_headers(buffer: list[bytes], outbound: Outbound) -> None:
    """Appends the headers to the lines that wait to be sent, in place of those of the same names.

    `buffer` is `HTTPConnection._buffer`: the request line, then a line a header, no line ends.
    """
    initials = outbound.initials
    if not initials.isdisjoint(map(_INITIAL, buffer)) or _EQUALS in buffer[0]:
        suspects = [line for line in buffer if line[:2] in initials]
        if integration.is_signed(b"\n".join((buffer[0], *suspects)).decode("latin-1").lower()):
            return
        if suspects:
            outbound = outbound.beside([_pair(line) for line in suspects])
            buffer[1:] = [line for line in buffer[1:] if not outbound.replaces(_pair(line)[0])]
    lines = outbound.lines
    if lines:
        # One entry for all: they are joined by their ends anyway.
        buffer.append(lines)


def _pair(line: bytes) -> tuple[str, str]:
    name, _, value = line.decode("latin-1").partition(":")
    return name.lower(), value.strip(" ")


def _getresponse(original: Callable[..., Any]) -> Callable[..., Any]:
    def getresponse(self: Any, *args: Any, **kwargs: Any) -> Any:
        outbound: Outbound | bool | None = getattr(self, EXCHANGE, None)
        if not outbound:
            return original(self, *args, **kwargs)
        if not isinstance(outbound, Outbound) or outbound.span is None:
            setattr(self, EXCHANGE, None)
            return original(self, *args, **kwargs)
        try:
            response = original(self, *args, **kwargs)
        except BaseException as error:
            # It was connected: by now it may have closed itself.
            _failed(self, outbound, error, connected=True)
            raise
        try:
            setattr(self, EXCHANGE, None)
            headers = integration.response_headers(response.headers.raw_items())
            protocol = _VERSIONS.get(response.version, "")
            outbound.answered(Response(response.status, protocol, headers=headers))
            if response.isclosed():
                outbound.end()
            else:
                setattr(response, EXCHANGE, outbound)
        except Exception as error:
            integration.failed(SITE, error)
        return response

    return getresponse


def _failed(connection: Any, outbound: Outbound, error: BaseException, connected: bool) -> None:
    if outbound.owned_above:
        # urllib3 goes on to read an answer after some failures to send.
        return
    try:
        setattr(connection, EXCHANGE, None)
        outbound.failed(integration.classify(error, connected))
    except Exception as fault:
        integration.failed(SITE, fault)


def _close_conn(original: Callable[..., None]) -> Callable[..., None]:
    def _close_conn(self: Any, *args: Any, **kwargs: Any) -> None:
        outbound: Outbound | None = getattr(self, EXCHANGE, None)
        if outbound is None:
            return original(self, *args, **kwargs)
        delattr(self, EXCHANGE)
        try:
            return original(self, *args, **kwargs)
        finally:
            try:
                outbound.end()
            except Exception as error:
                integration.failed(SITE, error)

    return _close_conn
