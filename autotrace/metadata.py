"""Envoy's metadata: values by namespace and path, of a request, its route, cluster and host.

https://www.envoyproxy.io/docs/envoy/latest/api-v3/type/metadata/v3/metadata.proto
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autotrace.span import Span

REQUEST, ROUTE, CLUSTER, HOST = "request", "route", "cluster", "host"


def of_span(span: Span, kind: str, configured: Mapping[str, Any]) -> object:
    """The metadata of a kind: that of the span's configured route, else what is configured."""
    if kind == ROUTE and span.route_rule is not None and span.route_rule.metadata:
        return span.route_rule.metadata
    return configured.get(kind)


def value_of(metadata: object, path: Sequence[str]) -> object:
    """What stands at the end of a path, a namespace first; None where the path leads nowhere."""
    for step in path:
        if not isinstance(metadata, Mapping):
            return None
        metadata = metadata.get(step)
    return metadata


def as_text(value: object) -> str | None:
    """A value as Envoy writes it into a tag; None for null."""
    if value is None or isinstance(value, str):
        return value
    import json

    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"), default=str)


def _plain(value: object) -> object:
    # Numbers are doubles in protobuf, and whole ones are written without a point.
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value
