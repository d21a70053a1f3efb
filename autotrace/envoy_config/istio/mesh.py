"""Istio's mesh configuration and, in it, the proxies' own: who is named, traced and trusted.

https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/
"""

from __future__ import annotations

from autotrace.envoy_config import reasons, runtime
from autotrace.envoy_config.istio import providers, service
from autotrace.envoy_config.message import Message, camel, fields, items
from autotrace.envoy_config.tracers.opentelemetry import grpc_is_missing
from autotrace.envoy_config.tracers.receiver import send_to
from autotrace.envoy_config.values import boolean, share, take, text, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from autotrace.envoy_config.node import Node
    from autotrace.envoy_config.reading import Reading

MESH = Message(
    "MeshConfig",
    "default_config extension_providers default_providers enable_tracing root_namespace",
    {
        reasons.MESH: "connect_timeout hbone_idle_timeout ingress_class ingress_service "
        "ingress_controller_mode ingress_selector outbound_traffic_policy inbound_traffic_policy "
        "config_sources default_service_export_to default_virtual_service_export_to "
        "default_destination_rule_export_to locality_lb_setting zone_aware_lb_setting "
        "dns_refresh_rate h2_upgrade_policy service_settings service_scope_configs "
        "discovery_selectors path_normalization default_http_retry_policy default_traffic_policy "
        "service_entry_visibility",
        reasons.LISTENING: "proxy_listen_port proxy_inbound_listen_port proxy_http_port "
        "protocol_detection_timeout tcp_keepalive",
        reasons.LOGS: "access_log_file access_log_format access_log_encoding "
        "enable_envoy_access_log_service disable_envoy_listener_log file_flush_interval "
        "file_flush_min_size",
        reasons.SECURITY: "enable_auto_mtls trust_domain trust_domain_aliases ca_certificates "
        "certificates ca verify_certificate_at_client mesh_mTLS tls_defaults",
        reasons.STATISTICS: "inbound_cluster_stat_name outbound_cluster_stat_name "
        "enable_prometheus_merge",
    },
)
DEFAULT_PROVIDERS = Message(
    "DefaultProviders", "tracing", {"only tracing is read": "metrics access_logging"}
)
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
ADDRESS = Message("Tracer", "address", {providers.UNSENT: "access_token"})
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


class Mesh:
    """A mesh configuration: its proxies' settings, its providers, and the default one."""

    def __init__(self) -> None:
        self.providers: dict[str, Node] = {}
        self.default: Node | None = None  # the name of the provider where none is named
        self.enable_tracing: Node | None = None
        self.proxies: list[Node] = []
        self.tls: list[str] = []  # hosts, and hosts with a port, that are called by TLS
        self.root_namespace = "istio-system"

    def add(self, node: Node, reading: Reading) -> None:
        """Take a MeshConfig."""
        given = fields(node, MESH, reading)
        self.enable_tracing = given.get("enable_tracing", self.enable_tracing)
        self.root_namespace = _text(given, "root_namespace", reading) or self.root_namespace
        if "default_config" in given:
            self.proxies.append(given["default_config"])
        for each in items(given.get("extension_providers"), reading):
            name = _text(fields(each, providers.PROVIDER, reading), "name", reading)
            if name:
                self.providers[name] = each
            else:
                reading.problem(each, "a provider needs a name.")
        if "default_providers" in given:
            tracing = fields(given["default_providers"], DEFAULT_PROVIDERS, reading).get("tracing")
            names = items(tracing, reading)
            self.default = names[0] if names else None


def read_proxy(node: Node, reading: Reading) -> Node | None:
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
        address = text(node, reading)
        if address:
            providers.zipkin_at(node, f"http://{address}", "/api/v2/spans", reading)
        return bool(address)
    given = {camel(name): each for name, each in node.content.items()}
    scheme = "https" if _is_tls(given.get("tlsSettings"), reading) else "http"
    for kind in ("zipkin", "datadog", "lightstep"):
        if kind in given:
            at = _text(fields(given[kind], ADDRESS, reading), "address", reading) or ""
            if kind == "zipkin":
                base = f"{scheme}://{at}" if at else ""
                providers.zipkin_at(given[kind], base, "/api/v2/spans", reading)
            elif kind == "datadog":
                reading.set("provider", "datadog", given[kind])
                send_to("datadog", given[kind], reading, "Datadog's agent", at)
            else:
                reading.set("provider", "opentelemetry", given[kind])
                send_to("otlp", given[kind], reading)
                grpc_is_missing(given[kind], at, reading)
            return True
    for kind, read in (
        ("openCensusAgent", providers.opencensus),
        ("stackdriver", providers.stackdriver),
    ):
        if kind in given:
            read(given[kind], (), reading)
            return True
    return False


def tls_hosts(spec: Node) -> Collection[str]:
    """Return the hosts of a DestinationRule that are called by TLS, with their ports if by port."""
    rule = spec.plain()
    host = str(rule.get("host", "")) if isinstance(rule, dict) else ""
    policy = rule.get("trafficPolicy") if host else None
    if not isinstance(policy, dict):
        return []
    found = [host] if _mode(policy) else []
    ports = policy.get("portLevelSettings")
    for each in ports if isinstance(ports, list) else []:
        port = each.get("port") if isinstance(each, dict) else None
        if isinstance(port, dict) and _mode(each):
            found.append(f"{host}:{port.get('number')}")
    return found


def _mode(policy: dict[str, object]) -> bool:
    tls = policy.get("tls")
    # Without Istio's certificates, ISTIO_MUTUAL is not for us.
    return isinstance(tls, dict) and tls.get("mode") in ("SIMPLE", "MUTUAL")


def _is_tls(node: Node | None, reading: Reading) -> bool:
    mode = fields(node, TLS, reading).get("mode") if node else None
    return mode is not None and mode.content in ("SIMPLE", "MUTUAL")


def _text(given: dict[str, Node], field: str, reading: Reading) -> str | None:
    return text(given[field], reading) if field in given else None
