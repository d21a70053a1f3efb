"""Istio's mesh configuration: the tracing providers that it defines, and the default one.

https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/
"""

from __future__ import annotations

from autotrace.envoy_config import reasons
from autotrace.envoy_config.istio import providers
from autotrace.envoy_config.message import Message, fields, items
from autotrace.envoy_config.values import text_of

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
        self.root_namespace = text_of(given, "root_namespace", reading) or self.root_namespace
        if "default_config" in given:
            self.proxies.append(given["default_config"])
        for each in items(given.get("extension_providers"), reading):
            name = text_of(fields(each, providers.PROVIDER, reading), "name", reading)
            if name:
                self.providers[name] = each
            else:
                reading.problem(each, "a provider needs a name.")
        if "default_providers" in given:
            tracing = fields(given["default_providers"], DEFAULT_PROVIDERS, reading).get("tracing")
            names = items(tracing, reading)
            self.default = names[0] if names else None


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
