"""Which kind a span is: of a listener by its direction, and of a call that it makes."""

from __future__ import annotations

from autotrace.span import CLIENT, SERVER


def span_kind(egress: bool, spawn_upstream_span: bool, child: bool = False) -> int:
    """The kind by Envoy's Zipkin and OpenTelemetry tracers; `child` is an outbound call's span."""
    if child:
        return CLIENT
    # Where outbound calls have spans of their own, the one above them is the server's.
    return CLIENT if egress and not spawn_upstream_span else SERVER
