"""Envoy's routes, as far as names, sampling and tags differ by them.

https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto
"""

from __future__ import annotations

from autotrace.envoy_config import reasons
from autotrace.envoy_config.custom_tags import CUSTOM_TAG
from autotrace.envoy_config.message import Message, as_dict, fields, items
from autotrace.envoy_config.values import FRACTION, texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.envoy_config.node import Node
    from autotrace.envoy_config.reading import Reading

UNSEEN = "it cannot be seen here, so the route is left out"
REGEX = Message("RegexMatcher", "regex", {reasons.GONE: "google_re2"})
STRING = Message(
    "StringMatcher",
    "exact prefix suffix safe_regex contains ignore_case",
    {"the others tell what is wanted": "custom"},
    {"safe_regex": REGEX},
)
HEADER = Message(
    "HeaderMatcher",
    "name exact_match safe_regex_match range_match present_match prefix_match suffix_match "
    "contains_match string_match invert_match treat_missing_header_as_empty",
    {},
    {
        "safe_regex_match": REGEX,
        "string_match": STRING,
        "range_match": Message("Range", "start end"),
    },
)
MATCH = Message(
    "RouteMatch",
    "prefix path safe_regex path_separated_prefix case_sensitive headers grpc",
    {
        UNSEEN: "connect_matcher path_match_policy runtime_fraction query_parameters cookies "
        "tls_context dynamic_metadata filter_state"
    },
    {"safe_regex": REGEX},
    {"headers": HEADER},
)
DECORATOR = Message("Decorator", "operation propagate")
TRACING = Message(
    "Tracing",
    "client_sampling random_sampling overall_sampling custom_tags operation upstream_operation",
    nested={
        "client_sampling": FRACTION,
        "random_sampling": FRACTION,
        "overall_sampling": FRACTION,
    },
    lists={"custom_tags": CUSTOM_TAG},
)
METADATA = Message(
    "Metadata", "filter_metadata", {"only filter_metadata is read": "typed_filter_metadata"}
)
ACTION = Message(
    "RouteAction",
    "cluster",
    {
        reasons.ROUTING: "cluster_header weighted_clusters cluster_specifier_plugin "
        "inline_cluster_specifier_plugin cluster_not_found_response_code metadata_match "
        "prefix_rewrite regex_rewrite path_rewrite_policy path_rewrite host_rewrite_literal "
        "auto_host_rewrite host_rewrite_header host_rewrite_path_regex host_rewrite "
        "append_x_forwarded_host timeout idle_timeout flush_timeout early_data_policy "
        "retry_policy retry_policy_typed_config request_mirror_policies priority rate_limits "
        "include_vh_rate_limits hash_policy cors max_grpc_timeout grpc_timeout_offset "
        "upgrade_configs internal_redirect_policy internal_redirect_action "
        "max_internal_redirects hedge_policy max_stream_duration"
    },
)
ROUTE = Message(
    "Route",
    "name match decorator tracing metadata route",
    {
        reasons.ROUTING: "redirect direct_response filter_action non_forwarding_action "
        "typed_per_filter_config per_request_buffer_limit_bytes request_body_buffer_limit",
        reasons.HEADERS: "request_headers_to_add request_headers_to_remove "
        "response_headers_to_add response_headers_to_remove",
        reasons.STATISTICS: "stat_prefix",
    },
    {
        "match": MATCH,
        "decorator": DECORATOR,
        "tracing": TRACING,
        "metadata": METADATA,
        "route": ACTION,
    },
)
VIRTUAL_HOST = Message(
    "VirtualHost",
    "domains routes",
    {
        "a route has its own name": "name",
        reasons.ROUTING: "matcher require_tls rate_limits cors typed_per_filter_config "
        "include_request_attempt_count include_attempt_count_in_response retry_policy "
        "retry_policy_typed_config hedge_policy include_is_timeout_retry_header "
        "per_request_buffer_limit_bytes request_body_buffer_limit request_mirror_policies metadata",
        reasons.HEADERS: "request_headers_to_add request_headers_to_remove "
        "response_headers_to_add response_headers_to_remove",
        reasons.STATISTICS: "virtual_clusters",
    },
)
ROUTES = Message(
    "RouteConfiguration",
    "virtual_hosts",
    {
        "a route has its own name": "name",
        reasons.DISCOVERY: "vhds",
        reasons.ROUTING: "validate_clusters max_direct_response_body_size_bytes "
        "cluster_specifier_plugins request_mirror_policies ignore_port_in_host_matching "
        "vhost_header ignore_path_parameters_in_path_matching typed_per_filter_config metadata",
        reasons.HEADERS: "internal_only_headers response_headers_to_add "
        "response_headers_to_remove request_headers_to_add request_headers_to_remove "
        "most_specific_header_mutations_wins",
    },
)
# What makes a route worth looking for on each request.
TELLING = ("decorator", "tracing", "metadata")


def routes(node: Node, reading: Reading, *, outbound: bool) -> list[dict[str, Any]]:
    """Return the routes of a RouteConfiguration in the form of the setting `routes`.

    All of them, since the first that matches is the one; none where none says anything.
    """
    found: list[dict[str, Any]] = []
    hosts = items(fields(node, ROUTES, reading).get("virtual_hosts"), reading)
    for host in hosts:
        given = fields(host, VIRTUAL_HOST, reading)
        domains = texts(given["domains"], reading) if "domains" in given else []
        for entry in items(given.get("routes"), reading):
            route = as_dict(entry, ROUTE, reading)
            if not _is_seen(entry):
                continue  # without the condition, too much would match
            if not route.get("route"):
                route.pop("route", None)
            if domains and (len(hosts) > 1 or domains != ["*"]):
                route["domains"] = domains
            if outbound:
                route["traffic_direction"] = "OUTBOUND"
            found.append(route)
    if any(telling in route for route in found for telling in TELLING):
        return found
    return found if outbound and any("route" in route for route in found) else []


def _is_seen(route: Node) -> bool:
    """Whether all that a route asks for can be seen of a request here."""
    content = route.content if isinstance(route.content, dict) else {}
    match = content["match"].content if "match" in content else None
    names = match if isinstance(match, dict) else ()
    return not any(MATCH.spellings.get(name) in MATCH.ignored for name in names)
