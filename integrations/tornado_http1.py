"""Tornado's HTTP/1 connections, which its server and its client write their messages through.

There is one for each request. What goes on with it is told to the exchange that its server or
client has put on it.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, Protocol

from autotrace import integration
from autotrace.integration import EXCHANGE, Patches

SITE = integration.site("tornado_http1")


class Exchange(Protocol):
    """What is told of a connection; `begins` answers the headers to send."""

    def begins(self, start_line: Any, headers: Any) -> Any:
        """The head is about to be written."""
        ...

    def sends(self, size: int) -> None:
        """So much of the body was written."""
        ...

    def finished(self, gone: bool, error: BaseException | None) -> None:
        """All was written, to a peer that is `gone` or not; or too little of it was."""
        ...

    def left(self) -> None:
        """The peer went while it waited for an answer."""
        ...


def put(connection: Any, exchange: Exchange | None) -> None:
    """From now on an exchange is told what its connection does; None: nobody is."""
    setattr(connection, EXCHANGE, exchange)


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches what is written, and where the other side leaves."""
    connection = module.HTTP1Connection
    patches.replace(connection, "write_headers", _write_headers)
    patches.replace(connection, "write", _write)
    patches.replace(connection, "finish", _finish)
    patches.replace(connection, "_on_connection_close", _on_connection_close)


def _exchange(connection: Any) -> Exchange | None:
    return None if SITE.off else getattr(connection, EXCHANGE, None)


def _write_headers(original: Callable[..., Any]) -> Callable[..., Any]:
    def write_headers(self: Any, start_line: Any, headers: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            exchange = _exchange(self)
            if exchange is not None:
                headers = exchange.begins(start_line, headers)
                exchange.sends(len(kwargs.get("chunk") or (args and args[0]) or b""))
        except Exception as error:
            integration.failed(SITE, error)
        return original(self, start_line, headers, *args, **kwargs)

    return write_headers


def _write(original: Callable[..., Any]) -> Callable[..., Any]:
    def write(self: Any, chunk: bytes, *args: Any, **kwargs: Any) -> Any:
        try:
            exchange = _exchange(self)
            if exchange is not None:
                exchange.sends(len(chunk))
        except Exception as error:
            integration.failed(SITE, error)
        return original(self, chunk, *args, **kwargs)

    return write


def _finish(original: Callable[..., Any]) -> Callable[..., Any]:
    def finish(self: Any, *args: Any, **kwargs: Any) -> Any:
        failure: BaseException | None = None
        exchange = _exchange(self)
        # It closes by itself what is not to be kept.
        gone = exchange is not None and self.stream.closed()
        try:
            return original(self, *args, **kwargs)
        except BaseException as error:
            failure = error
            raise
        finally:
            try:
                if exchange is not None:
                    exchange.finished(gone, failure)
            except Exception as error:
                integration.failed(SITE, error)

    return finish


def _on_connection_close(original: Callable[..., Any]) -> Callable[..., Any]:
    def _on_connection_close(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            exchange = _exchange(self)
            if exchange is not None:
                exchange.left()
        except Exception as error:
            integration.failed(SITE, error)
        return original(self, *args, **kwargs)

    return _on_connection_close
