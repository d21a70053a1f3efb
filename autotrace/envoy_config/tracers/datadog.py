"""Envoy's Datadog tracer.

https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/trace/v3/datadog.proto
"""

from __future__ import annotations

from autotrace.envoy_config import reasons
from autotrace.envoy_config.clusters import Clusters
from autotrace.envoy_config.message import Message, fields
from autotrace.envoy_config.tracers.receiver import collector_cluster, send_to
from autotrace.envoy_config.values import take, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autotrace.envoy_config.node import Node
    from autotrace.envoy_config.reading import Reading

CONFIG = Message(
    "DatadogConfig",
    "collector_cluster service_name",
    {
        reasons.ADDRESS: "collector_hostname",
        "settings are not fetched from the Datadog agent": "remote_config",
    },
)


def read(node: Node, clusters: Clusters, reading: Reading) -> None:
    """Take the settings of a DatadogConfig."""
    given = fields(node, CONFIG, reading)
    reading.set("provider", "datadog", node)
    send_to("datadog", node, reading)
    collector_cluster(node, given, "datadog", clusters, reading)
    # Envoy's own name for itself, `envoy`, would be wrong of a program.
    take(reading, given, "service_name", text)
