"""Envoy's SkyWalking tracer.

https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/trace/v3/skywalking.proto
"""

from __future__ import annotations

from autotrace.envoy_config.clusters import Clusters
from autotrace.envoy_config.message import Message, fields, within
from autotrace.envoy_config.reading import no_address
from autotrace.envoy_config.tracers.receiver import grpc_service, send_to
from autotrace.envoy_config.values import take, text, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autotrace.envoy_config.node import Node
    from autotrace.envoy_config.reading import Reading

CONFIG = Message("SkyWalkingConfig", "grpc_service client_config")
CLIENT = Message(
    "ClientConfig",
    "service_name instance_name max_cache_size backend_token",
)


def read(node: Node, clusters: Clusters, reading: Reading) -> None:
    """Take the settings of a SkyWalkingConfig."""
    given = fields(node, CONFIG, reading)
    reading.set("provider", "skywalking", node)
    send_to("skywalking", node, reading)
    if "grpc_service" in given:
        grpc_service(given["grpc_service"], "skywalking", clusters, reading)
    else:
        no_address(node, "no grpc_service", "skywalking_endpoint", reading)
    client = within(given, "client_config", CLIENT, reading)
    take(reading, client, "service_name", text)
    take(reading, client, "backend_token", text, "skywalking_token")
    take(reading, client, "instance_name", text, "node_id")
    take(reading, client, "max_cache_size", whole, "max_queue_size")
