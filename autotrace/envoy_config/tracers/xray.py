"""Envoy's AWS X-Ray tracer.

https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/trace/v3/xray.proto
"""

from __future__ import annotations

from autotrace.envoy_config.clusters import Clusters, socket_address
from autotrace.envoy_config.message import Message, fields
from autotrace.envoy_config.tracers.receiver import send_to
from autotrace.envoy_config.values import data, take, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autotrace.envoy_config.node import Node
    from autotrace.envoy_config.reading import Reading

CONFIG = Message(
    "XRayConfig",
    "daemon_endpoint segment_name sampling_rule_manifest",
    {"nothing is sent to X-Ray in this version": "segment_fields"},
)


def read(node: Node, clusters: Clusters, reading: Reading) -> None:
    """Take the settings of an XRayConfig."""
    given = fields(node, CONFIG, reading)
    reading.set("provider", "xray", node)
    daemon = given.get("daemon_endpoint")
    at = socket_address(daemon, reading) if daemon else "127.0.0.1:2000"
    send_to("xray", node, reading, "the X-Ray daemon", at)
    take(reading, given, "segment_name", text, "service_name")
    take(reading, given, "sampling_rule_manifest", data, "xray_sampling_rule_manifest")
