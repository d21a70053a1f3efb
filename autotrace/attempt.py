"""Envoy's child spans: whether an attempt to call somebody has a span of its own.

Its name and fields are those of any client span: `naming`, `envoy_tags.upstream`.
"""

from __future__ import annotations

CHILD, DOWNSTREAM = "child", "downstream"


def injected_from(spawn_upstream_span: bool, start_child_span: bool = False) -> str:
    """Whose ids an attempt sends: of a child span, or without one those of the request's span.

    Either setting is enough: the connection manager's, or the router's.
    """
    return CHILD if spawn_upstream_span or start_child_span else DOWNSTREAM
