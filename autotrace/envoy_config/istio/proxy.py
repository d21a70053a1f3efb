"""Istio's ProxyConfig: who the process is, whom it trusts, and the tracer of before Telemetry.

https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig
"""

from __future__ import annotations

import re

from autotrace.envoy_config import reasons, runtime
from autotrace.envoy_config.istio import providers, service
from autotrace.envoy_config.message import Message, camel, fields
from autotrace.envoy_config.tracers.receiver import send_to
from autotrace.envoy_config.values import boolean, share, take, text, text_of, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autotrace.envoy_config.node import Node
    from autotrace.envoy_config.reading import Reading

PROXY = Message(
    "ProxyConfig",
    "tracing service_cluster zipkin_address gateway_topology proxy_headers runtime_values "
    "availability_zone",
    {
        "the service's name is AUTOTRACE_SERVICE_NAME": "tracing_service_name",
        reasons.MESH: "config_path binary_path discovery_address discovery_refresh_delay "
        "proxy_admin_port control_plane_auth_policy custom_config_file concurrency "
        "proxy_bootstrap_template_path interception_mode proxy_metadata status_port mesh_id "
        "readiness_probe hold_application_until_proxy_starts image connection_settings "
        "drain_duration termination_drain_duration parent_shutdown_duration connect_timeout",
        reasons.STATISTICS: "statsd_udp_address envoy_metrics_service_address "
        "envoy_metrics_service stat_name_length extra_stat_tags proxy_stats_matcher "
        "stats_compression",
        reasons.LOGS: "envoy_access_log_service file_flush_interval file_flush_min_size_kb",
        reasons.SECURITY: "sds ca_certificates_pem private_key_provider",
    },
)
TRACING = Message(
    "Tracing",
    "zipkin lightstep datadog stackdriver open_census_agent custom_tags max_path_tag_length "
    "sampling tls_settings",
    {"the tags istio.* are the proxy's own": "enable_istio_tags"},
)
ADDRESS = Message("Tracer", "address access_token")
TLS = Message(
    "ClientTLSSettings",
    "mode",
    {
        reasons.SECURITY: "client_certificate private_key ca_certificates ca_crl credential_name "
        "subject_alt_names sni insecure_skip_verify"
    },
)
TOPOLOGY = Message(
    "Topology",
    "num_trusted_proxies",
    {reasons.SECURITY: "forward_client_cert_details", reasons.LISTENING: "proxy_protocol"},
)
PROXY_HEADERS = Message(
    "ProxyHeaders",
    "request_id",
    {
        reasons.HEADERS: "forwarded_client_cert set_current_client_cert_details server "
        "attempt_count envoy_debug_headers metadata_exchange_headers preserve_http1_header_case "
        "x_forwarded_host x_forwarded_port"
    },
)
REQUEST_ID = Message("RequestId", "disabled")


def read(node: Node, reading: Reading) -> Node | None:
    """Take what a ProxyConfig says beside its tracer; return its `tracing`, or a Zipkin address."""
    given = fields(node, PROXY, reading)
    take(reading, given, "service_cluster", text, "service_name")
    take(reading, given, "availability_zone", text, "zone")
    if "gateway_topology" in given:
        hops = fields(given["gateway_topology"], TOPOLOGY, reading)
        take(reading, hops, "num_trusted_proxies", whole, "xff_num_trusted_hops")
    if "proxy_headers" in given:
        request_id = fields(given["proxy_headers"], PROXY_HEADERS, reading).get("request_id")
        off = fields(request_id, REQUEST_ID, reading).get("disabled") if request_id else None
        if off and boolean(off, reading):
            reading.set("generate_request_id", False, off)
    if "runtime_values" in given:
        runtime.read_layer(given["runtime_values"], reading)
    if "tracing" in given:
        tracing = fields(given["tracing"], TRACING, reading)
        if "max_path_tag_length" in tracing and tracing["max_path_tag_length"].content != 0:
            take(reading, tracing, "max_path_tag_length", whole)
        if "sampling" in tracing and tracing["sampling"].content != 0:
            take(reading, tracing, "sampling", share, "random_sampling")
        take(reading, tracing, "custom_tags", service.custom_tags)
    return given.get("tracing", given.get("zipkin_address"))


def read_tracer(node: Node, reading: Reading) -> bool:
    """Take the tracer of a ProxyConfig; False where it names none."""
    if not isinstance(node.content, dict):
        return _zipkin_address(node, reading)
    given = {camel(name): each for name, each in node.content.items()}
    for kind, read in TRACERS.items():
        if kind in given:
            read(given[kind], _is_tls(given.get("tlsSettings"), reading), reading)
            return True
    return False


def _zipkin_address(node: Node, reading: Reading) -> bool:
    """Take the field that there was before `tracing`."""
    at = text(node, reading)
    if at:
        providers.zipkin_at(node, f"http://{at}", "/api/v2/spans", reading)
    return bool(at)


def _address(node: Node, reading: Reading) -> str:
    """Return the address; Istio puts variables of the pod in, and without one there is none."""
    found = text_of(fields(node, ADDRESS, reading), "address", reading) or ""
    for name in _VARIABLE.findall(found):
        if not reading.environ.get(name):
            return ""
        found = found.replace(f"$({name})", reading.environ[name])
    return found


def _zipkin(node: Node, is_tls: bool, reading: Reading) -> None:
    at = _address(node, reading)
    base = f"{'https' if is_tls else 'http'}://{at}" if at else ""
    providers.zipkin_at(node, base, "/api/v2/spans", reading)


def _datadog(node: Node, is_tls: bool, reading: Reading) -> None:
    at = _address(node, reading)
    providers.datadog_at(node, f"{'https' if is_tls else 'http'}://{at}" if at else "", reading)


def _lightstep(node: Node, is_tls: bool, reading: Reading) -> None:
    reading.set("provider", "opentelemetry", node)
    send_to("otlp", node, reading)
    at = _address(node, reading)
    base = f"{'https' if is_tls else 'http'}://{at}" if at else ""
    providers.lightstep_at(fields(node, ADDRESS, reading), node, base, reading)


def _open_census_agent(node: Node, is_tls: bool, reading: Reading) -> None:
    providers.opencensus(node, (), reading)


def _stackdriver(node: Node, is_tls: bool, reading: Reading) -> None:
    providers.stackdriver(node, (), reading)


_VARIABLE = re.compile(r"\$\((\w+)\)")
TRACERS = {
    "zipkin": _zipkin,
    "datadog": _datadog,
    "lightstep": _lightstep,
    "openCensusAgent": _open_census_agent,
    "stackdriver": _stackdriver,
}


def _is_tls(node: Node | None, reading: Reading) -> bool:
    mode = fields(node, TLS, reading).get("mode") if node else None
    return mode is not None and mode.content in ("SIMPLE", "MUTUAL")
