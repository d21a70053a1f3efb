"""Envoy's child spans: whether an attempt to call somebody has a span of its own.

Its name and fields are those of any client span: `naming`, `envoy_tags.upstream`.
"""

from __future__ import annotations

CHILD, DOWNSTREAM, NOBODY = "child", "downstream", ""


def has_span(spawn_upstream_span: bool, start_child_span: bool = False) -> bool:
    """Whether it has one: the connection manager's setting or the router's is enough."""
    return spawn_upstream_span or start_child_span


def injected_from(has_span: bool, no_context_propagation: bool = False) -> str:
    """Whose ids it sends: those of its own span, or without one those of the request's."""
    if no_context_propagation:
        return NOBODY
    return CHILD if has_span else DOWNSTREAM
