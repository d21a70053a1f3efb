"""Istio's tracing providers, what its mesh configuration calls `extensionProviders`.

Each becomes what Istio makes of it for Envoy: its Zipkin has 128-bit ids and no shared spans.

https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ExtensionProvider
"""

from __future__ import annotations

from autotrace.envoy_config.istio import service
from autotrace.envoy_config.message import Message, fields, items, within
from autotrace.envoy_config.reading import no_address
from autotrace.envoy_config.tracers.opentelemetry import by_grpc, dynatrace, take_detected
from autotrace.envoy_config.tracers.receiver import send_to, take_timeout
from autotrace.envoy_config.tracers.zipkin import TRACE_CONTEXT_OPTION, trace_context_option
from autotrace.envoy_config.values import boolean, choice, take, text, text_of, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from autotrace.envoy_config.node import Node
    from autotrace.envoy_config.reading import Reading

    Hosts = Collection[str]

NO_SERVICE = "no service and port"
ZIPKIN = Message(
    "ZipkinTracingProvider",
    "service port max_tag_length enable_64bit_trace_id path trace_context_option timeout headers",
)
OPENTELEMETRY = Message(
    "OpenTelemetryTracingProvider",
    "service port max_tag_length http grpc dynatrace_sampler resource_detectors",
    {
        "what is said of the process is the agent's own": "service_attribute_enrichment",
    },
)
RESOURCE_DETECTORS = Message("ResourceDetectors", "environment dynatrace")
DYNATRACE = Message("DynatraceSampler", "tenant cluster_id root_spans_per_minute http_service")
DYNATRACE_API = Message("DynatraceApi", "service port http")
# Where Dynatrace itself is asked, unless another server is named.
SAMPLING = "api/v2/samplingConfiguration"
HTTP = Message("HttpService", "path timeout headers")
GRPC = Message("GrpcService", "timeout initial_metadata")
DATADOG = Message("DatadogTracingProvider", "service port max_tag_length")
SKYWALKING = Message("SkyWalkingTracingProvider", "service port access_token")
LIGHTSTEP = Message("LightstepTracingProvider", "service port max_tag_length access_token")
OPENCENSUS = Message(
    "OpenCensusAgentTracingProvider", "service port context max_tag_length address"
)
STACKDRIVER = Message(
    "StackdriverProvider",
    "max_tag_length",
    {
        "what Google Cloud takes is sent": "debug max_number_of_attributes "
        "max_number_of_annotations "
        "max_number_of_message_events logging"
    },
)
PROVIDER = Message(
    "ExtensionProvider",
    "name zipkin lightstep datadog stackdriver opencensus skywalking opentelemetry "
    "envoy_ext_authz_http envoy_ext_authz_grpc prometheus envoy_file_access_log envoy_http_als "
    "envoy_tcp_als envoy_otel_als sds",
)
CONTEXTS = ("UNSPECIFIED", "W3C_TRACE_CONTEXT", "GRPC_BIN", "CLOUD_TRACE_CONTEXT", "B3")
OURS = {
    "W3C_TRACE_CONTEXT": "trace_context",
    "GRPC_BIN": "grpc_trace_bin",
    "CLOUD_TRACE_CONTEXT": "cloud_trace_context",
    "B3": "b3",
}
# What Istio reads and writes where it is not told, in its order.
ALL_CONTEXTS = ["b3", "cloud_trace_context", "grpc_trace_bin", "trace_context"]


def zipkin(node: Node, tls: Hosts, reading: Reading) -> None:
    """Take the settings of a Zipkin provider."""
    given = fields(node, ZIPKIN, reading)
    at = service.address(given, reading)
    path = text_of(given, "path", reading) or "/api/v2/spans"
    zipkin_at(node, service.base(at, tls) if at else "", path, reading)
    bits = given.get("enable_64bit_trace_id")
    if bits and boolean(bits, reading):
        reading.set("trace_id_128bit", False, bits)
    take(reading, given, "trace_context_option", trace_context_option, TRACE_CONTEXT_OPTION)
    if "timeout" in given:
        take_timeout(given["timeout"], "zipkin", reading)
    service.headers(given.get("headers"), "zipkin", reading)
    _max_tag_length(given, reading)


def zipkin_at(node: Node, base: str, path: str, reading: Reading) -> None:
    """Take Istio's Zipkin with its collector at an address, if that is known."""
    reading.set("provider", "zipkin", node)
    send_to("zipkin", node, reading)
    reading.set("trace_id_128bit", True, node, "as Istio has it")
    reading.set("zipkin_shared_span_context", False, node, "as Istio has it")
    if base:
        reading.set("zipkin_endpoint", f"{base}/{path.lstrip('/')}", node)
    else:
        no_address(node, NO_SERVICE, "zipkin_endpoint", reading)


def opentelemetry(node: Node, tls: Hosts, reading: Reading) -> None:
    """Take the settings of an OpenTelemetry provider."""
    given = fields(node, OPENTELEMETRY, reading)
    at = service.address(given, reading)
    reading.set("provider", "opentelemetry", node)
    send_to("otlp", node, reading)
    if "http" in given:
        _by_http(given["http"], node, service.base(at, tls) if at else "", "otlp", reading)
    else:
        grpc = within(given, "grpc", GRPC, reading)
        otlp_by_grpc(given.get("grpc", node), service.base(at, tls) if at else "", reading)
        service.headers(grpc.get("initial_metadata"), "otlp", reading)
        if "timeout" in grpc:
            take_timeout(grpc["timeout"], "otlp", reading)
    if "resource_detectors" in given:
        known = fields(given["resource_detectors"], RESOURCE_DETECTORS, reading)
        take_detected([(kind, each) for kind, each in known.items()], reading)
    if "dynatrace_sampler" in given:
        base = service.base(at, tls) if at else ""
        _dynatrace(given["dynatrace_sampler"], given.get("http"), base, tls, reading)
    _max_tag_length(given, reading)


def _by_http(
    http: Node, node: Node, base: str, settings: str, reading: Reading, path: str = ""
) -> None:
    """Take address, timeout and headers of an HttpService of Istio's, for some settings."""
    given = fields(http, HTTP, reading)
    path = path or text_of(given, "path", reading) or ""
    if base:
        reading.set(f"{settings}_endpoint", f"{base}/{path.lstrip('/')}", http)
    else:
        no_address(node, NO_SERVICE, f"{settings}_endpoint", reading)
    if "timeout" in given:
        take_timeout(given["timeout"], settings, reading)
    service.headers(given.get("headers"), settings, reading)


def _dynatrace(node: Node, exporter: Node | None, base: str, tls: Hosts, reading: Reading) -> None:
    """Take Dynatrace's sampler, and the server that it asks: the exporter's, or one of its own."""
    sampler, server = dynatrace(node, DYNATRACE, reading)
    reading.set("opentelemetry_sampler", sampler, node)
    # As Istio has it, so that the sampler alone decides.
    reading.set("random_sampling", 100.0, node, "as Istio has it")
    if server is not None:
        api = fields(server, DYNATRACE_API, reading)
        at = service.address(api, reading)
        http = api.get("http", server)
        _by_http(http, server, service.base(at, tls) if at else "", "dynatrace", reading)
    elif exporter is not None:
        _by_http(exporter, node, base, "dynatrace", reading, SAMPLING)
    else:
        no_address(node, "no http_service", "dynatrace_endpoint", reading)


def lightstep_at(given: dict[str, Node], node: Node, base: str, reading: Reading) -> None:
    """Take Istio's Lightstep, which is OTLP over gRPC with the access token as metadata."""
    otlp_by_grpc(node, base, reading)
    token = text_of(given, "access_token", reading)
    if token:
        reading.set("otlp_headers", {"lightstep-access-token": token}, given["access_token"])


def otlp_by_grpc(node: Node, base: str, reading: Reading) -> None:
    """Take OTLP over gRPC to an address, if that is known."""
    by_grpc(node, reading)
    if base:
        reading.set("otlp_endpoint", base, node)
    else:
        no_address(node, NO_SERVICE, "otlp_endpoint", reading)


def datadog(node: Node, tls: Hosts, reading: Reading) -> None:
    """Take the settings of a Datadog provider."""
    given = fields(node, DATADOG, reading)
    at = service.address(given, reading)
    datadog_at(node, service.base(at, tls) if at else "", reading)
    _max_tag_length(given, reading)


def datadog_at(node: Node, base: str, reading: Reading) -> None:
    """Take Istio's Datadog with its agent at an address, if that is known."""
    reading.set("provider", "datadog", node)
    send_to("datadog", node, reading)
    if base:
        reading.set("datadog_endpoint", base, node)
    else:
        no_address(node, NO_SERVICE, "datadog_endpoint", reading)


def skywalking(node: Node, tls: Hosts, reading: Reading) -> None:
    """Take the settings of a SkyWalking provider."""
    given = fields(node, SKYWALKING, reading)
    reading.set("provider", "skywalking", node)
    send_to("skywalking", node, reading)
    at = service.address(given, reading)
    if at:
        reading.set("skywalking_endpoint", service.base(at, tls), node)
    else:
        no_address(node, NO_SERVICE, "skywalking_endpoint", reading)
    take(reading, given, "access_token", text, "skywalking_token")


def lightstep(node: Node, tls: Hosts, reading: Reading) -> None:
    """Take the settings of a Lightstep provider, which is OpenTelemetry since Istio 1.15."""
    given = fields(node, LIGHTSTEP, reading)
    reading.set("provider", "opentelemetry", node)
    send_to("otlp", node, reading)
    at = service.address(given, reading)
    lightstep_at(given, node, service.base(at, tls) if at else "", reading)
    _max_tag_length(given, reading)


def opencensus(node: Node, tls: Hosts, reading: Reading) -> None:
    """Take the settings of an OpenCensus provider, here or in ProxyConfig."""
    given = fields(node, OPENCENSUS, reading)
    reading.set("provider", "opencensus", node)
    at = text_of(given, "address", reading)
    at = at or service.address(given, reading)
    send_to("opencensus", node, reading, "the OpenCensus agent", at)
    found = [choice(each, reading, CONTEXTS) for each in items(given.get("context"), reading)]
    contexts = [OURS[each] for each in found if each in OURS] or ALL_CONTEXTS
    _contexts(given.get("context", node), contexts, reading)
    _max_tag_length(given, reading)


def stackdriver(node: Node, tls: Hosts, reading: Reading) -> None:
    """Take the settings of a Stackdriver provider, which is OpenCensus to Envoy."""
    given = fields(node, STACKDRIVER, reading)
    reading.set("provider", "opencensus", node)
    send_to("gcp", node, reading)
    _contexts(node, ALL_CONTEXTS, reading)
    _max_tag_length(given, reading)


TRACING: dict[str, Callable[[Node, Hosts, Reading], None]] = {
    "zipkin": zipkin,
    "opentelemetry": opentelemetry,
    "datadog": datadog,
    "skywalking": skywalking,
    "lightstep": lightstep,
    "opencensus": opencensus,
    "stackdriver": stackdriver,
}


def read(node: Node, tls: Hosts, reading: Reading) -> None:
    """Take the settings of the provider that a Telemetry resource or the mesh names."""
    for kind, each in fields(node, PROVIDER, reading).items():
        if kind in TRACING:
            TRACING[kind](each, tls, reading)
            return
    reading.problem(node, f"this provider does not trace; tracing ones: {', '.join(TRACING)}.")


def _contexts(node: Node, contexts: list[str], reading: Reading) -> None:
    reading.set("opencensus_incoming_trace_context", contexts, node)
    reading.set("opencensus_outgoing_trace_context", contexts, node)


def _max_tag_length(given: dict[str, Node], reading: Reading) -> None:
    if given.get("max_tag_length") and given["max_tag_length"].content != 0:
        take(reading, given, "max_tag_length", whole, "max_path_tag_length")
