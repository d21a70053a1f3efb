"""Envoy's Zipkin tracer.

https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/trace/v3/zipkin.proto
"""

from __future__ import annotations

from autotrace.envoy_config import reasons
from autotrace.envoy_config.clusters import Clusters
from autotrace.envoy_config.message import Message, fields
from autotrace.envoy_config.reading import no_address
from autotrace.envoy_config.tracers.receiver import http_service, send_to
from autotrace.envoy_config.values import boolean, choice, take, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autotrace.envoy_config.node import Node
    from autotrace.envoy_config.reading import Reading

CONFIG = Message(
    "ZipkinConfig",
    "collector_cluster collector_endpoint collector_endpoint_version collector_service "
    "trace_id_128bit shared_span_context split_spans_for_request trace_context_option",
    {
        reasons.ADDRESS: "collector_hostname",
        "trace ids are random": "timestamp_trace_ids",
    },
)
VERSIONS = ("DEPRECATED_AND_UNAVAILABLE_DO_NOT_USE", "HTTP_JSON", "HTTP_PROTO", "GRPC")
PROTOCOLS = {"HTTP_JSON": "http/json", "HTTP_PROTO": "http/protobuf"}
OPTIONS = ("USE_B3", "USE_B3_WITH_W3C_PROPAGATION")


def read(node: Node, clusters: Clusters, reading: Reading) -> None:
    """Take the settings of a ZipkinConfig."""
    given = fields(node, CONFIG, reading)
    reading.set("provider", "zipkin", node)
    send_to("zipkin", node, reading)
    if "collector_service" in given:
        http_service(given["collector_service"], "zipkin", clusters, reading)
    else:
        _collector(node, given, clusters, reading)
    _version(given, reading)
    # Envoy's default, which is not ours.
    reading.set("trace_id_128bit", False, node, "Envoy's default")
    take(reading, given, "trace_id_128bit", boolean)
    take(reading, given, "shared_span_context", boolean, "zipkin_shared_span_context")
    take(reading, given, "trace_context_option", trace_context_option, TRACE_CONTEXT_OPTION)
    if "split_spans_for_request" in given:
        take(reading, given, "split_spans_for_request", boolean, "spawn_upstream_span")


TRACE_CONTEXT_OPTION = "zipkin_trace_context_option"


def trace_context_option(node: Node, reading: Reading) -> str | None:
    """Return which headers are read and written, as the setting calls it."""
    found = choice(node, reading, OPTIONS)
    return found.lower() if found else None


def _collector(node: Node, given: dict[str, Node], clusters: Clusters, reading: Reading) -> None:
    endpoint = given.get("collector_endpoint")
    path = (text(endpoint, reading) if endpoint else None) or "/api/v2/spans"
    if "collector_cluster" not in given:
        no_address(node, "no collector_cluster", "zipkin_endpoint", reading)
        return
    base = clusters.base(given["collector_cluster"], reading, "zipkin_endpoint")
    if base:
        place = endpoint or given["collector_cluster"]
        reading.set("zipkin_endpoint", f"{base}/{path.lstrip('/')}", place)


def _version(given: dict[str, Node], reading: Reading) -> None:
    node = given.get("collector_endpoint_version")
    version = choice(node, reading, VERSIONS) if node else None
    if node and version in PROTOCOLS:
        reading.set("zipkin_protocol", PROTOCOLS[version], node)
    elif node and version:
        reading.ignore(node, "spans go to Zipkin by version 2 of its API over HTTP")
