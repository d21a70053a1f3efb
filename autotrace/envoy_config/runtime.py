"""Envoy's runtime keys about tracing, from layers that are written in the bootstrap.

https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/runtime
"""

from __future__ import annotations

from autotrace.config.problem import suggest
from autotrace.envoy_config import reasons
from autotrace.envoy_config.message import Message, fields, items
from autotrace.envoy_config.values import fraction, number, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from autotrace.envoy_config.node import Node
    from autotrace.envoy_config.reading import Reading

LAYERED = Message("LayeredRuntime", "layers")
LAYER = Message(
    "RuntimeLayer",
    "static_layer",
    {
        "only static layers are read": "admin_layer rtds_layer",
        "AUTOTRACE_RUNTIME_FILE names a file of the same keys instead": "disk_layer",
        "the order of the layers is what counts": "name",
    },
)
SHARES = {
    "tracing.client_enabled": "client_sampling",
    "tracing.random_sampling": "random_sampling",
    "tracing.global_enabled": "overall_sampling",
}
# Of the tracers that this version sends for; ours is one queue for all of them.
QUEUE = {
    f"tracing.{tracer}.{key}": setting
    for tracer in ("zipkin", "opentelemetry")
    for key, setting in (
        ("min_flush_spans", "max_batch_size"),
        ("flush_interval_ms", "flush_interval_ms"),
    )
}
REQUEST_TIMEOUT = "tracing.zipkin.request_timeout"
KNOWN = (*SHARES, *QUEUE, REQUEST_TIMEOUT)


def read(node: Node, reading: Reading) -> None:
    """Take what the static layers say of tracing; later layers win."""
    for layer in items(fields(node, LAYERED, reading).get("layers"), reading):
        static = fields(layer, LAYER, reading).get("static_layer")
        if static:
            read_layer(static, reading)


def read_layer(static: Node, reading: Reading) -> None:
    """Take the keys of one layer, spelled with dots or as objects in objects."""
    for key, value in _leaves(static, ""):
        _take(key, value, reading)


def _leaves(node: Node, prefix: str) -> Iterator[tuple[str, Node]]:
    content = node.content
    if not isinstance(content, dict) or "numerator" in content:
        yield prefix, node
        return
    for name, each in content.items():
        yield from _leaves(each, f"{prefix}.{name}" if prefix else name)


def _take(key: str, node: Node, reading: Reading) -> None:
    if not key.startswith("tracing.") or key.startswith("tracing.lightstep."):
        reading.ignore(node, reasons.RUNNING)
    elif key in SHARES:
        found = _share(node, reading)
        if found is not None:
            reading.set(SHARES[key], found, node)
    elif key in QUEUE:
        count = whole(node, reading)
        if count is not None:
            reading.set(QUEUE[key], count, node)
    elif key == REQUEST_TIMEOUT:
        wait = number(node, reading)
        if wait:
            reading.set("zipkin_timeout", wait / 1000, node)
    else:
        reading.problem(node, f"no such runtime key; {suggest(key, KNOWN)}", shown=key)


def _share(node: Node, reading: Reading) -> float | None:
    """Return the percentage of a runtime value: a whole percent, or a FractionalPercent."""
    if isinstance(node.content, dict):
        return fraction(node, reading)
    found = number(node, reading)
    return None if found is None or found < 0 else min(100.0, float(int(found)))
