"""`http.server`: programs that answer HTTP by methods such as `do_GET`, and `xmlrpc.server`.

WSGI servers stand on it too, and their requests are traced where the application is called. They
are told apart by this: wsgiref and Django have a loop of their own in place of
`handle_one_request`, and werkzeug has no methods `do_*` but makes one up for whatever is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.facts import CLIENT_GONE, CONNECTION_TERMINATION, ServerRequest
from autotrace.integration import CURRENT, Context, Inbound, Patches

SITE = integration.site("http_server")
# On a handler: the request that it answers; on what it writes to: the same, to be counted there.
EXCHANGE = "_autotrace_inbound"


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches where a request is read, and where its answer is written."""
    handler = module.BaseHTTPRequestHandler
    patches.replace(handler, "handle_one_request", _handle_one_request)
    patches.replace(handler, "parse_request", _parse_request)
    patches.replace(handler, "send_response_only", _send_response_only)
    patches.replace(handler, "end_headers", _end_headers)
    patches.replace(handler, "flush_headers", _flush_headers)
    writer = getattr(module.socketserver, "_SocketWriter", None)
    if writer is not None:
        patches.replace(writer, "write", _write)


class _Exchange:
    """One request, from its head to the end of the answer; without a call until its head is there.

    `sent` counts what is written, headers too, of which `heads` are those.
    """

    def __init__(self) -> None:
        self.inbound: Inbound | None = None
        self.before: Context | None = None
        self.status = 0
        self.announced = 0
        self.sent = 0
        self.heads = 0
        self.counts = False
        self.gone = False

    def begin(self, handler: Any) -> None:
        """The head of the request has arrived: what follows answers it."""
        headers = handler.headers
        inbound = integration.inbound_headers(
            headers.raw_items(),
            lambda: (headers.get("host", ""), handler.command, handler.path),
            _peer(handler),
        )
        if inbound is None:
            return
        context = integration.serving(inbound)
        if inbound.span is not None:
            request = inbound.span.request = _request(handler)
            if not request.size:
                integration.note(inbound.span, "last_downstream_rx_byte_received")
            # Another writer is made of C, or the program's own.
            if type(handler.wfile).__name__ == "_SocketWriter":
                setattr(handler.wfile, EXCHANGE, self)
                self.counts = True
        self.inbound = inbound
        inbound.by_hand = True
        self.before = CURRENT.get()
        CURRENT.set(context)

    def end(self, handler: Any, error: BaseException | None) -> None:
        """The answer is over, or `error` has ended it."""
        inbound = self.inbound
        if inbound is None:
            return
        if self.before is not None:
            CURRENT.set(self.before)
        if self.counts:
            setattr(handler.wfile, EXCHANGE, None)
        flags: tuple[str, ...] = ()
        if self.gone:
            flags = (CLIENT_GONE,)
        elif error is not None:
            inbound.raised(error)
            flags = (CONNECTION_TERMINATION,)
        bodiless = handler.command == "HEAD" or self.status in (204, 304)
        size = self.sent - self.heads if self.counts else self.announced
        inbound.finish(self.status, 0 if bodiless else size, flags)


def _peer(handler: Any) -> str:
    address = handler.client_address
    # Of a Unix socket it is a path, mostly empty.
    return str(address[0]) if isinstance(address, tuple) and address else ""


def _request(handler: Any) -> ServerRequest:
    return integration.server_request(
        handler.command,
        "https" if hasattr(handler.connection, "cipher") else "http",
        handler.headers.get("host", ""),
        handler.path,
        handler.request_version,
        _peer(handler),
        handler.headers.get,
    )


def _exchange(handler: Any) -> _Exchange | None:
    """The request that a handler is to answer."""
    # Not by getattr: handlers such as werkzeug's have a `__getattr__` for what is not there.
    found: _Exchange | None = handler.__dict__.get(EXCHANGE)
    return found


def _handle_one_request(original: Callable[..., None]) -> Callable[..., None]:
    def handle_one_request(self: Any, *args: Any, **kwargs: Any) -> None:
        if SITE.off:
            return original(self, *args, **kwargs)
        exchange = self.__dict__[EXCHANGE] = _Exchange()
        try:
            original(self, *args, **kwargs)
        except BaseException as error:
            _end(self, exchange, error)
            raise
        return _end(self, exchange, None)

    return handle_one_request


def _end(handler: Any, exchange: _Exchange, error: BaseException | None) -> None:
    try:
        handler.__dict__.pop(EXCHANGE, None)
        exchange.end(handler, error)
    except Exception as fault:
        integration.failed(SITE, fault)


def _parse_request(original: Callable[..., bool]) -> Callable[..., bool]:
    def parse_request(self: Any, *args: Any, **kwargs: Any) -> bool:
        parsed = original(self, *args, **kwargs)
        try:
            exchange = _exchange(self)
            if parsed and exchange is not None and _answers_by_hand(self):
                exchange.begin(self)
        except Exception as error:
            integration.failed(SITE, error)
        return parsed

    return parse_request


def _answers_by_hand(handler: Any) -> bool:
    """Whether the method is there, or is missing; not made up for any name."""
    name = f"do_{handler.command}"
    if hasattr(type(handler), name) or name in handler.__dict__:
        return True
    return not hasattr(type(handler), "__getattr__")


def _send_response_only(original: Callable[..., None]) -> Callable[..., None]:
    def send_response_only(self: Any, code: Any, *args: Any, **kwargs: Any) -> None:
        try:
            exchange = _exchange(self)
            if exchange is not None and code >= 200:
                exchange.status = int(code)
        except Exception as error:
            integration.failed(SITE, error)
        return original(self, code, *args, **kwargs)

    return send_response_only


def _end_headers(original: Callable[..., None]) -> Callable[..., None]:
    def end_headers(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            exchange = _exchange(self)
            if exchange is not None and exchange.inbound is not None:
                _complete(self, exchange, exchange.inbound)
        except Exception as error:
            integration.failed(SITE, error)
        return original(self, *args, **kwargs)

    return end_headers


def _complete(handler: Any, exchange: _Exchange, inbound: Inbound) -> None:
    """Puts headers of ours into the answer, and reads how long it says it is."""
    lines: list[bytes] | None = handler.__dict__.get("_headers_buffer")
    if not lines or handler.request_version == "HTTP/0.9":
        return
    told = inbound.response_headers
    if told:
        names = {name.encode("latin-1") for name, _ in told}
        lines[1:] = [line for line in lines[1:] if _name(line) not in names]
        lines += [f"{name}: {value}\r\n".encode("latin-1") for name, value in told]
    if inbound.span is None:
        return
    pairs = [line.decode("latin-1").rstrip("\r\n").partition(":") for line in lines[1:]]
    headers = integration.response_headers([(name, value.strip()) for name, _, value in pairs])
    integration.tell_headers(inbound.span, headers)
    integration.note(inbound.span, "first_downstream_tx_byte_sent")
    if not exchange.counts:
        for line in lines[1:]:
            if _name(line) == b"content-length":
                length = line.partition(b":")[2].strip()
                exchange.announced = int(length) if length.isdigit() else 0


def _name(line: bytes) -> bytes:
    return line.partition(b":")[0].lower()


def _flush_headers(original: Callable[..., None]) -> Callable[..., None]:
    def flush_headers(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            exchange = _exchange(self)
            if exchange is not None and exchange.counts:
                exchange.heads += sum(map(len, self.__dict__.get("_headers_buffer", ())))
        except Exception as error:
            integration.failed(SITE, error)
        return original(self, *args, **kwargs)

    return flush_headers


def _write(original: Callable[..., int]) -> Callable[..., int]:
    def write(self: Any, *args: Any, **kwargs: Any) -> int:
        exchange: _Exchange | None = self.__dict__.get(EXCHANGE)
        if exchange is None:
            return original(self, *args, **kwargs)
        try:
            written = original(self, *args, **kwargs)
        except OSError:
            exchange.gone = True
            raise
        exchange.sent += written
        return written

    return write
