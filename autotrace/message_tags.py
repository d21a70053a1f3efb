"""Fields of work that came as a message, by the one vocabulary that has names for them.

https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
"""

from __future__ import annotations

from typing import Any

from autotrace.facts import Message


def write(message: Message, tags: dict[str, Any]) -> None:
    """Writes what is known of a message; a run that no message caused has no system."""
    if not message.system:
        return
    tags["messaging.system"] = message.system
    tags["messaging.operation.type"] = "process"
    if message.destination:
        tags["messaging.destination.name"] = message.destination
    if message.id:
        tags["messaging.message.id"] = message.id
