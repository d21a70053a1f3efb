"""Envoy's Datadog tracer.

https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/trace/v3/datadog.proto
"""

from __future__ import annotations

from autotrace.envoy_config import reasons
from autotrace.envoy_config.clusters import Clusters
from autotrace.envoy_config.message import Message, fields
from autotrace.envoy_config.tracers.receiver import collector_cluster, send_to
from autotrace.envoy_config.values import seconds, take, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autotrace.envoy_config.node import Node
    from autotrace.envoy_config.reading import Reading

CONFIG = Message(
    "DatadogConfig",
    "collector_cluster service_name remote_config",
    {reasons.ADDRESS: "collector_hostname"},
)
REMOTE_CONFIG = Message("DatadogRemoteConfig", "polling_interval")
# What the library in Envoy does where nothing is said.
POLLING_INTERVAL = 5.0


def read(node: Node, clusters: Clusters, reading: Reading) -> None:
    """Take the settings of a DatadogConfig."""
    given = fields(node, CONFIG, reading)
    reading.set("provider", "datadog", node)
    send_to("datadog", node, reading)
    collector_cluster(node, given, "datadog", clusters, reading)
    # Envoy's own name for itself, `envoy`, would be wrong of a program.
    take(reading, given, "service_name", text)
    if "remote_config" in given:
        remote = fields(given["remote_config"], REMOTE_CONFIG, reading)
        interval = remote.get("polling_interval")
        asked = seconds(interval, reading) if interval else None
        where = interval or given["remote_config"]
        reading.set("datadog_remote_config_interval", asked or POLLING_INTERVAL, where)
