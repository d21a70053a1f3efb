"""Envoy's OpenCensus tracer, which Envoy had until 1.33 or so.

https://www.envoyproxy.io/docs/envoy/v1.27.0/api-v3/config/trace/v3/opencensus.proto
"""

from __future__ import annotations

from autotrace.envoy_config.clusters import Clusters
from autotrace.envoy_config.message import Message, fields, items
from autotrace.envoy_config.tracers.receiver import send_to
from autotrace.envoy_config.values import boolean, choice, take, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autotrace.envoy_config.node import Node
    from autotrace.envoy_config.reading import Reading

UNSENT = "nothing is sent there in this version"
CONFIG = Message(
    "OpenCensusConfig",
    "incoming_trace_context outgoing_trace_context stdout_exporter_enabled "
    "stackdriver_exporter_enabled stackdriver_project_id zipkin_exporter_enabled zipkin_url "
    "ocagent_exporter_enabled",
    {
        "the decision is made by `tracing` and its percentages": "trace_config",
        "Google Cloud's REST API is called, at AUTOTRACE_GCP_ENDPOINT": "stackdriver_address "
        "stackdriver_grpc_service",
        UNSENT: "ocagent_address ocagent_grpc_service",
    },
)
CONTEXTS = ("NONE", "TRACE_CONTEXT", "GRPC_TRACE_BIN", "CLOUD_TRACE_CONTEXT", "B3")
# The switch, our exporter, and whom it sends to.
EXPORTERS = (
    ("ocagent_exporter_enabled", "opencensus", "the OpenCensus agent"),
    ("stackdriver_exporter_enabled", "gcp", ""),
    ("stdout_exporter_enabled", "console", ""),
    ("zipkin_exporter_enabled", "zipkin", ""),
)


def read(node: Node, clusters: Clusters, reading: Reading) -> None:
    """Take the settings of an OpenCensusConfig."""
    given = fields(node, CONFIG, reading)
    reading.set("provider", "opencensus", node)
    for switch, exporter, called in EXPORTERS:
        if switch in given and boolean(given[switch], reading):
            send_to(exporter, given[switch], reading, called)
    take(reading, given, "zipkin_url", text, "zipkin_endpoint")
    take(reading, given, "stackdriver_project_id", text, "gcp_project")
    for field in ("incoming_trace_context", "outgoing_trace_context"):
        take(reading, given, field, _contexts, f"opencensus_{field}")


def _contexts(node: Node, reading: Reading) -> list[str] | None:
    found = [choice(each, reading, CONTEXTS) for each in items(node, reading)]
    return [each.lower() for each in found if each and each != "NONE"] or None
