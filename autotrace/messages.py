"""Request-shaped work without HTTP, said by the program itself: `inbound`, `outbound_headers`.

    for message in consumer:
        with autotrace.inbound(message.headers(), "ship order", system="kafka"):
            ship(message)

    producer.send("orders", value, headers=autotrace.outbound_headers())

Both may stay in a program that runs without the agent, where they do nothing and load nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from autotrace import guard
from autotrace.facts import Message

if TYPE_CHECKING:
    from autotrace.call import Inbound
    from autotrace.context import Context

SITE = guard.site("messages")

Text = str | bytes
# What queues hand out: dicts, lists of pairs (Kafka), attributes of SQS; None for no headers.
Headers = Mapping[Any, Any] | Iterable[tuple[Any, Any]] | None


class inbound:
    """Serves a message within a `with` block, in plain and in asynchronous code.

    The trace, the request id and the sampling decision in its headers are continued, or begun
    where there are none. One span lasts as long as the block if it is sampled: of the kind
    CONSUMER where a `system` brought the message, else SERVER. What the block raises is recorded
    and goes on.
    """

    __slots__ = ("_before", "_call", "_headers", "_message")

    def __init__(
        self,
        headers: Headers = None,
        name: str = "",
        *,
        system: str = "",
        destination: str = "",
        message_id: str = "",
    ) -> None:
        self._headers = headers
        self._message = Message(name, system, destination, message_id)
        self._call: Inbound | None = None
        self._before: Context | None = None

    def __enter__(self) -> None:
        integration = _integration()
        if integration is None or SITE.off:
            return
        try:
            self._call = integration.inbound_message(text_pairs(self._headers), self._message)
            if self._call is not None:
                self._before = integration.CURRENT.get()
                integration.CURRENT.set(integration.serving(self._call))
        except Exception as error:
            guard.failed(SITE, error)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        call, before = self._call, self._before
        integration = _integration()
        if call is None or integration is None:
            return
        try:
            if before is not None and integration.is_serving(call):
                integration.CURRENT.set(before)
            integration.end_message(call, error)
        except Exception as fault:
            guard.failed(SITE, fault)
        finally:
            self._call = self._before = None


def outbound_headers() -> dict[str, str]:
    """The headers for a message that the program sends itself, a new dict each time.

    Every active format, the request id and the baggage; empty outside a request. For Kafka:
    `[(name, value.encode()) for name, value in autotrace.outbound_headers().items()]`.
    """
    integration = _integration()
    if integration is None or SITE.off:
        return {}
    try:
        outbound = integration.carried_headers()
        return {} if outbound is None else integration.joined(outbound.pairs)
    except Exception as error:
        guard.failed(SITE, error)
        return {}


def text_pairs(headers: Headers) -> list[tuple[str, str]]:
    """Names and values as text, whatever a queue's client hands out; the rest is left out."""
    if headers is None:
        return []
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    found = ((_text(name), _text(_of_attribute(value))) for name, value in pairs)
    return [(name, value) for name, value in found if name is not None and value is not None]


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, (bytes, bytearray)):
        return value.decode("latin-1")
    return None


def _of_attribute(value: object) -> object:
    """The text of an attribute of SQS or SNS, as their API and their Lambda events write it."""
    if isinstance(value, Mapping):
        return next((value[key] for key in _ATTRIBUTE if key in value), None)
    return value


_ATTRIBUTE = ("StringValue", "stringValue", "Value")


def _integration() -> Any:
    """The verbs of an agent at work; one that waits for a library begins now.

    Not imported: without an agent the program is to load nothing of it.
    """
    start: Any = sys.modules.get("autotrace.start")
    if start is not None:
        start.wake()
    return sys.modules.get("autotrace.integration")
