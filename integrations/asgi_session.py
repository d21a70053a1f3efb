"""The session that a websocket's handshake begins: one span, in which messages are counted."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from autotrace import integration
from autotrace.integration import CURRENT, Context, Span

SITE = integration.site("asgi")
NAME = "websocket session"


class Session:
    """What is learnt of it; the code that uses it runs in its context from its beginning."""

    __slots__ = ("_code", "_received", "_sent", "_span")

    def __init__(self, span: Span) -> None:
        self._span = span
        self._received = 0
        self._sent = 0
        # As whoever closed it gave it.
        self._code: int | None = None

    def received(self, message: MutableMapping[str, Any]) -> None:
        """Something has come from the client."""
        if message["type"] == "websocket.receive":
            self._received += 1
        elif message["type"] == "websocket.disconnect":
            self._closed(message)

    def sent(self, message: MutableMapping[str, Any]) -> None:
        """The application says something."""
        if message["type"] == "websocket.send":
            self._sent += 1
        elif message["type"] == "websocket.close":
            self._closed(message)

    def _closed(self, message: MutableMapping[str, Any]) -> None:
        if self._code is None:
            # 1000 and 1005 are what the specification has where no code is told.
            told = 1000 if message["type"] == "websocket.close" else 1005
            self._code = int(message.get("code") or told)

    def end(self, error: BaseException | None) -> None:
        """The application has returned, or raised; after the client has left that is usual."""
        try:
            self._span.set_attributes(
                {
                    "websocket.messages_received": self._received,
                    "websocket.messages_sent": self._sent,
                }
            )
            if self._code is not None:
                self._span.set_attribute("websocket.close_code", self._code)
            if error is not None and self._code is None and isinstance(error, Exception):
                integration.tell_failure(self._span, error)
            self._span.end()
        except Exception as fault:
            integration.failed(SITE, fault)


def begin(context: Context) -> Session | None:
    """Begins the session of a handshake that was served in this context, where that is wanted."""
    begun = integration.session(context, NAME)
    if begun is None:
        return None
    span, within = begun
    if CURRENT.get() is context:
        # Else the program has a span or baggage of its own there, which stays.
        CURRENT.set(within)
    return Session(span)
