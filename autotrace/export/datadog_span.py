"""How Datadog's span tells an operation: name, resource, type, error and tags.

With the provider `datadog` as Envoy's tracer has it, else by the names that Datadog knows.

https://docs.datadoghq.com/tracing/guide/send_traces_to_agent_by_api/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from autotrace.export.attribute_text import text

# Envoy names all its spans so; the operation is the resource.
NAME = "envoy.proxy"
RESOURCE = "resource.name"


class Fields(NamedTuple):
    """The fields of a span that its operation and its tags fill; `meta` are the tags as text."""

    name: str
    resource: str
    error: bool
    error_message: str
    meta: dict[str, str]


def fields(operation: str, tags: Iterable[tuple[str, object]], name: str = NAME) -> Fields:
    """The fields of a span of this operation with these tags; of equal names the last counts."""
    meta = {key: text(value) for key, value in tags if value is not None}
    resource = meta.pop(RESOURCE, operation)
    # A field of its own, not a tag.
    error = meta.pop("error", "") == "true"
    return Fields(name, resource, error, meta.get("error.reason", ""), meta)


# Envoy's tag -> Datadog's name for the same.
_NAMES = {"user_agent": "http.useragent", "http.protocol": "http.version"}
_MEASURES = ("request_size", "response_size", "retry.count")
_INTERNAL, _SERVER, _CLIENT, _PRODUCER, _CONSUMER = range(5)
_DATABASE = ("db.system.name", "db.system", "db.type")


def renamed(tags: Iterable[tuple[str, object]]) -> Iterable[tuple[str, object]]:
    """The tags by the names that Datadog's pages look for."""
    return ((_NAMES.get(key, key), value) for key, value in tags)


def name(kind: int, operation: str, tags: Mapping[str, object]) -> str:
    """What kind of operation it is, by Datadog's scheme; a program's own span names itself."""
    if kind == _INTERNAL:
        return operation or "internal"
    if kind in (_PRODUCER, _CONSUMER):
        system = text(tags.get("messaging.system") or "messaging")
        return f"{system}.{'publish' if kind == _PRODUCER else 'process'}"
    for key in _DATABASE:
        if tags.get(key):
            return f"{text(tags[key])}.query"
    carrier = "grpc" if "grpc.path" in tags or "grpc.status_code" in tags else "http"
    return f"{carrier}.{'server' if kind == _SERVER else 'client'}.request"


def type_of(kind: int, meta: Mapping[str, str]) -> str:
    """The span's type, by which Datadog chooses how it is shown."""
    if kind == _CLIENT:
        return "sql" if any(key in meta for key in _DATABASE) else "http"
    return {_SERVER: "web", _CONSUMER: "worker"}.get(kind, "custom")


def numbers(meta: dict[str, str], tags: Iterable[tuple[str, object]]) -> dict[str, float]:
    """Takes out of the texts what Datadog reckons with; statuses are labels and stay."""
    found: dict[str, float] = {}
    for key, value in tags:
        number = _number(key, value)
        if number is not None and key in meta:
            found[key] = number
            del meta[key]
    return found


def _number(key: str, value: object) -> float | None:
    if isinstance(value, str):
        is_number = key in _MEASURES and value.isascii() and value.isdigit()
        return float(value) if is_number else None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or "status" in key:
        return None
    try:
        return float(value)
    except OverflowError:
        return None
