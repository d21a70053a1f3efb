"""Envoy's AWS X-Ray tracer.

https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/trace/v3/xray.proto
"""

from __future__ import annotations

from autotrace.envoy_config.clusters import Clusters, socket_address
from autotrace.envoy_config.message import Message, as_dict, fields
from autotrace.envoy_config.tracers.receiver import send_to
from autotrace.envoy_config.values import data, take, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autotrace.envoy_config.node import Node
    from autotrace.envoy_config.reading import Reading

CONFIG = Message(
    "XRayConfig",
    "daemon_endpoint segment_name sampling_rule_manifest segment_fields",
)
SEGMENT_FIELDS = Message("SegmentFields", "origin aws")


def read(node: Node, clusters: Clusters, reading: Reading) -> None:
    """Take the settings of an XRayConfig."""
    given = fields(node, CONFIG, reading)
    reading.set("provider", "xray", node)
    send_to("xray", node, reading)
    daemon = given.get("daemon_endpoint")
    at = socket_address(daemon, reading) if daemon else ""
    if daemon and at:
        reading.set("xray_endpoint", at, daemon)
    take(reading, given, "segment_name", text, "service_name")
    if "segment_fields" in given:
        found = as_dict(given["segment_fields"], SEGMENT_FIELDS, reading)
        reading.set("xray_segment_fields", found, given["segment_fields"])
    take(reading, given, "sampling_rule_manifest", data, "xray_sampling_rule_manifest")
