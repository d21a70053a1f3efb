"""Envoy's OpenTelemetry tracer: OTLP, its samplers, and what says who the process is.

https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/trace/v3/opentelemetry.proto
"""

from __future__ import annotations

from autotrace.envoy_config import dynatrace_metadata
from autotrace.envoy_config.clusters import Clusters
from autotrace.envoy_config.extension import Extension, extension
from autotrace.envoy_config.message import Message, as_dict, fields, items
from autotrace.envoy_config.reading import no_address
from autotrace.envoy_config.tracers.receiver import grpc_service, http_service, send_to
from autotrace.envoy_config.values import FRACTION, take, text, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.envoy_config.node import Node
    from autotrace.envoy_config.reading import Reading

OWN = "what is said of the process is the agent's own"
CONFIG = Message(
    "OpenTelemetryConfig",
    "grpc_service http_service service_name resource_detectors sampler max_cache_size",
    {
        OWN: "set_telemetry_sdk_resource_attributes set_service_name_resource_attribute "
        "set_instrumentation_scope"
    },
)
STATIC_DETECTOR = Message("StaticConfigResourceDetectorConfig", "attributes")
RATIO = Message(
    "TraceIdRatioBasedSamplerConfig",
    "sampling_percentage",
    nested={"sampling_percentage": FRACTION},
)
PARENT_BASED = Message("ParentBasedSamplerConfig", "wrapped_sampler")
NOTHING = Message("AlwaysOnSamplerConfig", "")
CEL = Message("CELSamplerConfig", "expression")
DYNATRACE = Message(
    "DynatraceSamplerConfig", "tenant cluster_id root_spans_per_minute http_service"
)
# Nobody wraps samplers that deep on purpose.
DEEPEST = 8


def read(node: Node, clusters: Clusters, reading: Reading) -> None:
    """Take the settings of an OpenTelemetryConfig."""
    given = fields(node, CONFIG, reading)
    reading.set("provider", "opentelemetry", node)
    send_to("otlp", node, reading)
    if "http_service" in given:
        http_service(given["http_service"], "otlp", clusters, reading)
    elif "grpc_service" in given:
        by_grpc(given["grpc_service"], reading)
        grpc_service(given["grpc_service"], "otlp", clusters, reading)
    else:
        no_address(node, "no http_service or grpc_service", "otlp_endpoint", reading)
    take(reading, given, "service_name", text)
    take(reading, given, "max_cache_size", whole, "max_queue_size")
    if "resource_detectors" in given:
        _detectors(given["resource_detectors"], reading)
    if "sampler" in given:
        found = _sampler(given["sampler"], clusters, reading)
        if found:
            reading.set("opentelemetry_sampler", found, given["sampler"])


def by_grpc(node: Node, reading: Reading) -> None:
    """Have OTLP go over gRPC."""
    reading.set("otlp_protocol", "grpc", node)


def _detectors(node: Node, reading: Reading) -> None:
    """Take what the detectors say of the process."""
    known = []
    for detector in items(node, reading):
        each = extension(detector, reading)
        kind = _kind(each, "ResourceDetectorConfig")
        known.append((kind, each.config if kind == "static_config" else detector))
    take_detected(known, reading)


def take_detected(detectors: list[tuple[str, Node]], reading: Reading) -> None:
    """Take what detectors of these kinds say of the process, a later one over those before it."""
    found: dict[str, str] = {}
    place = None
    for kind, detector in detectors:
        if kind == "static_config":
            place = fields(detector, STATIC_DETECTOR, reading).get("attributes", place)
            found |= _attributes(place, reading)
        elif kind == "environment":
            found |= _of_environment(reading.environ.get("OTEL_RESOURCE_ATTRIBUTES", ""))
        elif kind == "dynatrace":
            told = dynatrace_metadata.attributes()
            if told:
                place = place or detector
                found |= told
            else:
                reading.ignore(detector, "there is no file of Dynatrace's that says anything")
        else:
            reading.ignore(
                detector, "only static_config, environment and dynatrace mean something here"
            )
    if place:  # without it, the variable is read anyway
        reading.set("resource_attributes", found, place)


def _attributes(node: Node | None, reading: Reading) -> dict[str, str]:
    content = node.content if node else {}
    if node and not isinstance(content, dict):
        reading.problem(node, "an object of texts is wanted.")
    texts = content.items() if isinstance(content, dict) else ()
    return {name: value for name, each in texts if (value := text(each, reading))}


def _of_environment(variable: str) -> dict[str, str]:
    """Return the pairs of the variable; Envoy skips what is none, and decodes nothing."""
    pairs = [item.split("=") for item in variable.split(",")]
    return {pair[0].strip(): pair[1].strip() for pair in pairs if len(pair) == 2}


def _sampler(node: Node, clusters: Clusters, reading: Reading, depth: int = 0) -> dict[str, Any]:
    """Return a sampler by its name, or nothing and a problem."""
    found = extension(node, reading)
    kind = _kind(found, "SamplerConfig")
    if depth > DEEPEST:
        reading.problem(node, "wrapped too deep.")
    elif kind == "always_on":
        fields(found.config, NOTHING, reading)
        return {kind: {}}
    elif kind == "trace_id_ratio_based":
        return {kind: as_dict(found.config, RATIO, reading)}
    elif kind in ("cel", "c_e_l"):
        return {"cel": as_dict(found.config, CEL, reading)}
    elif kind == "dynatrace":
        sampler, server = dynatrace(found.config, DYNATRACE, reading)
        if server is not None:
            http_service(server, "dynatrace", clusters, reading)
        return sampler
    elif kind == "parent_based":
        wrapped = fields(found.config, PARENT_BASED, reading).get("wrapped_sampler")
        inner = _sampler(wrapped, clusters, reading, depth + 1) if wrapped else {}
        if inner:
            return {kind: {"wrapped_sampler": inner}}
        if not wrapped:
            reading.problem(node, "parent_based needs a wrapped_sampler.")
    else:
        reading.problem(
            node,
            "this sampler is not available; there are always_on, trace_id_ratio_based, "
            "parent_based, cel and dynatrace. Without one, the percentages of `tracing` decide.",
            shown=kind,
            setting="opentelemetry_sampler",
        )
    return {}


def dynatrace(node: Node, message: Message, reading: Reading) -> tuple[dict[str, Any], Node | None]:
    """Return Dynatrace's sampler, as Envoy or Istio has it, and the server that it asks."""
    given = fields(node, message, reading)
    server = given.pop("http_service", None)
    return {"dynatrace": {name: each.plain() for name, each in given.items()}}, server


def _kind(found: Extension, ending: str) -> str:
    """Return `always_on` of AlwaysOnSamplerConfig, or of envoy.tracers...samplers.always_on."""
    if found.message:
        name = found.message.removesuffix(ending)
        return "".join(f"_{each.lower()}" if each.isupper() else each for each in name).lstrip("_")
    return found.name.rpartition(".")[2]
