"""Envoy's HTTP connection manager: request ids, trust, and the `tracing` block.

https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto
"""

from __future__ import annotations

from autotrace.envoy_config import health_check, reasons
from autotrace.envoy_config.custom_tags import custom_tags
from autotrace.envoy_config.extension import extension
from autotrace.envoy_config.message import Message, fields, items
from autotrace.envoy_config.values import boolean, networks, percent, take, text, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autotrace.envoy_config.node import Node
    from autotrace.envoy_config.reading import Reading

MANAGER = Message(
    "HttpConnectionManager",
    "tracing route_config http_filters request_id_extension generate_request_id "
    "preserve_external_request_id always_set_request_id_in_response use_remote_address "
    "xff_num_trusted_hops internal_address_config add_user_agent",
    {
        reasons.STATISTICS: "stat_prefix",
        reasons.DISCOVERY: "rds scoped_routes",
        "x-forwarded-for is read and not written": "skip_xff_append",
        "the client's address is told by the peer and x-forwarded-for alone": ""
        "original_ip_detection_extensions",
        reasons.LISTENING: "codec_type common_http_protocol_options "
        "http1_safe_max_connection_duration http_protocol_options http2_protocol_options "
        "http3_protocol_options server_name server_header_transformation "
        "scheme_header_transformation max_request_headers_kb stream_idle_timeout "
        "stream_flush_timeout request_timeout request_headers_timeout drain_timeout "
        "drain_timeout_jitter delayed_close_timeout upgrade_configs normalize_path merge_slashes "
        "path_with_escaped_slashes_action path_normalization_options local_reply_config "
        "strip_matching_host_port strip_any_host_port strip_trailing_host_dot proxy_100_continue "
        "represent_ipv4_remote_address_as_ipv4_mapped_ipv6 stream_error_on_invalid_http_message "
        "typed_header_validation_config add_proxy_protocol_connection_state",
        reasons.LOGS: "access_log access_log_flush_interval flush_access_log_on_new_request "
        "access_log_options",
        reasons.HEADERS: "via early_header_mutation_extensions proxy_status_config "
        "append_x_forwarded_port append_local_overload forward_proto_config",
        reasons.SECURITY: "forward_client_cert_details set_current_client_cert_details "
        "forward_client_cert_matcher",
    },
)
TRACING = Message(
    "Tracing",
    "client_sampling random_sampling overall_sampling verbose max_path_tag_length custom_tags "
    "provider spawn_upstream_span operation upstream_operation no_context_propagation",
    {
        "the direction is that of the listener": "operation_name",
        "custom_tags have taken its place": "request_headers_for_tags",
    },
)
OUTBOUND = Message(
    "Tracing",
    "no_context_propagation operation",
    {
        "client spans follow the request that they belong to": "client_sampling random_sampling "
        "overall_sampling verbose custom_tags",
        "client spans are of the inbound listener's tracer, as server spans are": "provider "
        "max_path_tag_length spawn_upstream_span upstream_operation operation_name",
    },
)
UUID = Message("UuidRequestIdConfig", "pack_trace_reason use_request_id_for_trace_sampling")
INTERNAL = Message(
    "InternalAddressConfig",
    "cidr_ranges",
    {"a peer on a Unix socket has no address": "unix_sockets"},
)
ROUTER = Message(
    "Router",
    "start_child_span",
    {
        reasons.ROUTING: "suppress_envoy_headers strict_check_headers "
        "respect_expected_rq_timeout upstream_http_filters reject_connect_request_early_data",
        reasons.STATISTICS: "dynamic_stats suppress_grpc_request_failure_code_stats",
        reasons.LOGS: "upstream_log upstream_log_options",
    },
)
NAMED = {
    **dict.fromkeys(("envoy.router", "envoy.filters.http.router"), "Router"),
    **dict.fromkeys(("envoy.health_check", "envoy.filters.http.health_check"), "HealthCheck"),
}


def read(given: dict[str, Node], reading: Reading, *, traced_outbound: bool) -> None:
    """Take the settings of a connection manager, without its routes and its tracer.

    `traced_outbound`: another listener makes the client spans.
    """
    for field in (
        "generate_request_id",
        "preserve_external_request_id",
        "always_set_request_id_in_response",
        "use_remote_address",
        "add_user_agent",
    ):
        take(reading, given, field, boolean)
    take(reading, given, "xff_num_trusted_hops", whole)
    if "internal_address_config" in given:
        node = given["internal_address_config"]
        ranges = fields(node, INTERNAL, reading).get("cidr_ranges")
        found = networks(items(ranges, reading), reading)
        reading.set("internal_address_config", found, node)
    if "request_id_extension" in given:
        _request_id(given["request_id_extension"], reading)
    if "tracing" in given:
        _tracing(given["tracing"], reading, traced_outbound)
    for each in items(given.get("http_filters"), reading):
        _filter(each, reading)


def read_outbound(given: dict[str, Node], reading: Reading) -> None:
    """Take what a connection manager says of client spans alone."""
    if "add_user_agent" in given and "add_user_agent" not in reading.settings:
        take(reading, given, "add_user_agent", boolean)
    if "tracing" in given:
        tracing = fields(given["tracing"], OUTBOUND, reading)
        take(reading, tracing, "no_context_propagation", boolean)
        take(reading, tracing, "operation", text, "upstream_operation")


def provider(given: dict[str, Node]) -> Node | None:
    """Return the tracer of a connection manager's fields."""
    content = given["tracing"].content if "tracing" in given else None
    return content.get("provider") if isinstance(content, dict) else None


def _tracing(node: Node, reading: Reading, traced_outbound: bool) -> None:
    given = fields(node, TRACING, reading)
    for field in ("client_sampling", "random_sampling", "overall_sampling"):
        take(reading, given, field, percent)
    take(reading, given, "verbose", boolean)
    take(reading, given, "no_context_propagation", boolean)
    take(reading, given, "max_path_tag_length", whole)
    take(reading, given, "custom_tags", custom_tags)
    take(reading, given, "operation", text)
    take(reading, given, "upstream_operation", text)
    spawn = given.get("spawn_upstream_span")
    if spawn and traced_outbound:
        reading.ignore(spawn, "the outbound listener makes the client spans")
    else:
        take(reading, given, "spawn_upstream_span", boolean)


def _request_id(node: Node, reading: Reading) -> None:
    found = extension(node, reading)
    if found.message and found.message != UUID.name:
        reading.ignore(node, "request ids are UUIDs")
        return
    given = fields(found.config, UUID, reading)
    take(reading, given, "pack_trace_reason", boolean)
    take(reading, given, "use_request_id_for_trace_sampling", boolean)


def _filter(node: Node, reading: Reading) -> None:
    found = extension(node, reading)
    # By name, where Envoy did not yet tell by type.
    kind = found.message or NAMED.get(found.name)
    if kind == "Router":
        start = fields(found.config, ROUTER, reading).get("start_child_span")
        # Off is the default of a field that spawn_upstream_span has taken the place of.
        if start and boolean(start, reading):
            reading.set("spawn_upstream_span", True, start)
    elif kind == "HealthCheck":
        rules = health_check.paths(found.config, reading)
        known = reading.settings.get("health_check_paths", [])
        if rules:
            reading.set("health_check_paths", [*known, *rules], found.config)
    else:
        reading.ignore(
            node, "filters other than the router and the health check have no part in tracing"
        )
