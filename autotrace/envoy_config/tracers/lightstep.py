"""Envoy's Lightstep tracer, which Envoy had until 1.30 or so.

https://www.envoyproxy.io/docs/envoy/v1.27.0/api-v3/config/trace/v3/lightstep.proto
"""

from __future__ import annotations

from autotrace.envoy_config.clusters import Clusters
from autotrace.envoy_config.message import Message, fields, has, items
from autotrace.envoy_config.tracers.receiver import collector_cluster, send_to
from autotrace.envoy_config.values import choice, data, take, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autotrace.envoy_config.node import Node
    from autotrace.envoy_config.reading import Reading

CONFIG = Message(
    "LightstepConfig",
    "collector_cluster propagation_modes access_token access_token_file",
)
MODES = ("ENVOY", "LIGHTSTEP", "B3", "TRACE_CONTEXT")


def read(node: Node, clusters: Clusters, reading: Reading) -> None:
    """Take the settings of a LightstepConfig."""
    given = fields(node, CONFIG, reading)
    reading.set("provider", "lightstep", node)
    send_to("lightstep", node, reading)
    collector_cluster(node, given, "lightstep", clusters, reading)
    token = given.get("access_token")
    if token is not None:
        setting = "lightstep_token_file" if has(token, "filename") else "lightstep_token"
        take(reading, given, "access_token", data, setting)
    take(reading, given, "access_token_file", text, "lightstep_token_file")
    take(reading, given, "propagation_modes", _modes, "lightstep_propagation_modes")


def _modes(node: Node, reading: Reading) -> list[str] | None:
    found = [choice(each, reading, MODES) for each in items(node, reading)]
    return [each.lower() for each in found if each] or None
