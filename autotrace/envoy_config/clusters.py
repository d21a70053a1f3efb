"""Envoy's clusters, as far as a tracer's receiver has to be found: its address, and whether by TLS.

https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/cluster/v3/cluster.proto
"""

from __future__ import annotations

from autotrace.envoy_config import reasons
from autotrace.envoy_config.extension import extension
from autotrace.envoy_config.message import Message, fields, items
from autotrace.envoy_config.reading import no_address
from autotrace.envoy_config.values import text, text_of, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autotrace.envoy_config.node import Node
    from autotrace.envoy_config.reading import Reading

CLUSTER = Message(
    "Cluster",
    "name type load_assignment transport_socket",
    {
        reasons.CONNECTIONS: "connect_timeout per_connection_buffer_limit_bytes "
        "per_connection_buffer_high_watermark_timeout max_requests_per_connection "
        "circuit_breakers upstream_http_protocol_options common_http_protocol_options "
        "http_protocol_options http2_protocol_options typed_extension_protocol_options "
        "protocol_selection upstream_bind_config upstream_connection_options filters "
        "upstream_config preconnect_policy connection_pool_per_downstream_connection "
        "wait_for_warm_on_init",
        reasons.ADDRESS: "alt_stat_name cluster_type eds_cluster_config lb_policy health_checks "
        "outlier_detection cleanup_interval lb_subset_config ring_hash_lb_config "
        "maglev_lb_config original_dst_lb_config least_request_lb_config round_robin_lb_config "
        "common_lb_config load_balancing_policy close_connections_on_host_health_failure "
        "ignore_health_on_host_removal metadata transport_socket_matches transport_socket_matcher",
        "names are resolved by the system": "dns_refresh_rate dns_jitter dns_failure_refresh_rate "
        "respect_dns_ttl dns_lookup_family dns_resolvers use_tcp_for_dns_lookups "
        "dns_resolution_config typed_dns_resolver_config",
        reasons.STATISTICS: "lrs_server lrs_report_endpoint_metrics track_timeout_budgets "
        "track_cluster_stats",
    },
)
ASSIGNMENT = Message(
    "ClusterLoadAssignment",
    "endpoints",
    {reasons.ADDRESS: "cluster_name named_endpoints policy"},
)
LOCALITY = Message(
    "LocalityLbEndpoints",
    "lb_endpoints",
    {
        reasons.ADDRESS: "locality metadata load_balancing_weight priority proximity "
        "load_balancer_endpoints leds_cluster_locality_config"
    },
)
LB_ENDPOINT = Message(
    "LbEndpoint",
    "endpoint",
    {reasons.ADDRESS: "endpoint_name health_status metadata load_balancing_weight"},
)
ENDPOINT = Message(
    "Endpoint",
    "address",
    {
        reasons.ADDRESS: "health_check_config hostname additional_addresses observability_name",
    },
)
ADDRESS = Message("Address", "socket_address pipe envoy_internal_address")
SOCKET_ADDRESS = Message(
    "SocketAddress",
    "address port_value protocol named_port",
    {reasons.CONNECTIONS: "resolver_name ipv4_compat network_namespace_filepath"},
)
PIPE = Message("Pipe", "path", {reasons.CONNECTIONS: "mode"})


class Clusters:
    """The clusters of a file by their names."""

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}
        self._bases: dict[str, str] = {}

    def add(self, node: Node, reading: Reading) -> None:
        """Take a cluster; its fields are looked at when a tracer names it."""
        given = fields(node, CLUSTER, reading, quiet=True)
        name = text_of(given, "name", reading)
        if name:
            self._nodes.setdefault(name, node)

    def base(self, named: Node, reading: Reading, setting: str) -> str:
        """Return `http[s]://host:port` of the cluster that a field names, or nothing.

        Where the address is not to be had, `setting` is what the user is told to give.
        """
        name = text(named, reading) or ""
        if name in self._bases:
            return self._bases[name]
        if name not in self._nodes:
            if name:
                no_address(named, f"the cluster {name} is not in this file", setting, reading)
            return ""
        node = self._nodes.pop(name)
        self._bases[name] = self._address(node, reading, setting)
        return self._bases[name]

    def knows(self, name: object) -> bool:
        """Whether the file has a cluster of the name."""
        return isinstance(name, str) and (name in self._nodes or name in self._bases)

    def rest(self, reading: Reading) -> None:
        """Say of the clusters that no tracer named that they have no effect."""
        for node in self._nodes.values():
            reading.ignore(node, f"no tracer sends to this cluster; {reasons.CONNECTIONS}")

    def _address(self, node: Node, reading: Reading, setting: str) -> str:
        given = fields(node, CLUSTER, reading)
        endpoints = [
            each
            for locality in _each(given.get("load_assignment"), ASSIGNMENT, "endpoints", reading)
            for each in _each(locality, LOCALITY, "lb_endpoints", reading)
        ]
        if not endpoints:
            kind = given["type"].content if "type" in given else "STATIC"
            no_address(node, f"a cluster of type {kind} without endpoints", setting, reading)
            return ""
        for other in endpoints[1:]:
            reading.ignore(other, "spans go to the first endpoint")
        scheme = "https" if _is_tls(given.get("transport_socket"), reading) else "http"
        endpoint = fields(endpoints[0], LB_ENDPOINT, reading).get("endpoint")
        address = fields(endpoint, ENDPOINT, reading).get("address") if endpoint else None
        found = authority(address, reading) if address else ""
        if not found:
            no_address(node, "no address that HTTP could be sent to", setting, reading)
            return ""
        return f"http+unix://{found}" if found.startswith("%2F") else f"{scheme}://{found}"


def authority(node: Node, reading: Reading) -> str:
    """Return `host:port` of an Address, or a Unix socket's path percent-encoded, or nothing."""
    given = fields(node, ADDRESS, reading)
    if "pipe" in given:
        path = fields(given["pipe"], PIPE, reading).get("path")
        return (text(path, reading) or "").replace("%", "%25").replace("/", "%2F") if path else ""
    return socket_address(given["socket_address"], reading) if "socket_address" in given else ""


def socket_address(node: Node, reading: Reading) -> str:
    """Return `host:port` of a SocketAddress, or nothing."""
    given = fields(node, SOCKET_ADDRESS, reading)
    host = text_of(given, "address", reading)
    port = whole(given["port_value"], reading) if "port_value" in given else None
    if not host or not port:
        reading.problem(node, "an address and a port_value are wanted.")
        return ""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _each(node: Node | None, message: Message, field: str, reading: Reading) -> list[Node]:
    return items(fields(node, message, reading).get(field), reading) if node else []


def _is_tls(node: Node | None, reading: Reading) -> bool:
    if node is None:
        return False
    found = extension(node, reading)
    return "tls" in found.name.lower() or "Tls" in found.message
