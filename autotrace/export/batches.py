"""Batches as messages that are not too long for their receiver."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from autotrace.export.receiver import Outcome
from autotrace.guard import failed, site

if TYPE_CHECKING:
    from autotrace.export.resource import Resource
    from autotrace.span import Span

    Encode = Callable[[Sequence[Span], Resource], bytes]
    Send = Callable[[bytes, Sequence[Span]], Outcome]


def deliver(
    encode: Encode, spans: Sequence[Span], resource: Resource, limit: int, send: Send
) -> Outcome:
    """Sends the spans, in as many messages as their size needs, and says what became of them."""
    total = Outcome()
    for body, part in bodies(encode, spans, resource, limit):
        total = total.plus(
            send(body, part)
            if body
            else Outcome(failed=len(part), problem="a span cannot be encoded")
        )
    return total


def bodies(
    encode: Encode, spans: Sequence[Span], resource: Resource, limit: int
) -> Iterator[tuple[bytes, Sequence[Span]]]:
    """Messages of at most `limit` bytes with their spans; empty where one cannot be made.

    What is too long or cannot be encoded is halved, until the span in question is alone.
    """
    body = b""
    try:
        body = encode(spans, resource)
    except Exception as error:
        if len(spans) == 1:
            failed(site("export.encode:span"), error)
    if len(spans) > 1 and not 0 < len(body) <= limit:
        half = len(spans) // 2
        yield from bodies(encode, spans[:half], resource, limit)
        yield from bodies(encode, spans[half:], resource, limit)
    else:
        yield body, spans
