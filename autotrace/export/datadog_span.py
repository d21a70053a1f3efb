"""How Datadog's span tells an operation, as Envoy's tracer has it: name, resource, error, tags.

https://docs.datadoghq.com/tracing/guide/send_traces_to_agent_by_api/
"""

from __future__ import annotations

from collections.abc import Iterable
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
