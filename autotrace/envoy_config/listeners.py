"""Envoy's listeners, down to the HTTP connection managers in their filter chains.

https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/listener/v3/listener.proto
"""

from __future__ import annotations

from typing import NamedTuple

from autotrace.envoy_config import reasons
from autotrace.envoy_config.connection_manager import MANAGER
from autotrace.envoy_config.extension import extension
from autotrace.envoy_config.message import Message, fields, items
from autotrace.envoy_config.values import choice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from autotrace.envoy_config.node import Node
    from autotrace.envoy_config.reading import Reading

LISTENER = Message(
    "Listener",
    "traffic_direction filter_chains default_filter_chain api_listener",
    {
        reasons.LISTENING: "name address additional_addresses fcds_config filter_chain_matcher "
        "use_original_dst per_connection_buffer_limit_bytes "
        "per_connection_buffer_high_watermark_timeout deprecated_v1 drain_type listener_filters "
        "listener_filters_timeout continue_on_listener_filters_timeout transparent freebind "
        "socket_options tcp_fast_open_queue_length udp_listener_config connection_balance_config "
        "reuse_port enable_reuse_port tcp_backlog_size max_connections_to_accept_per_socket_event "
        "bind_to_port internal_listener enable_mptcp ignore_global_conn_limit "
        "bypass_overload_manager tcp_keepalive metadata",
        reasons.STATISTICS: "stat_prefix",
        reasons.LOGS: "access_log",
    },
)
CHAIN = Message(
    "FilterChain",
    "filters",
    {
        reasons.LISTENING: "filter_chain_match use_proxy_proto metadata "
        "transport_socket_connect_timeout name",
        reasons.SECURITY: "transport_socket",
    },
)
API_LISTENER = Message("ApiListener", "api_listener")
DIRECTIONS = ("UNSPECIFIED", "INBOUND", "OUTBOUND")
NAMES = ("envoy.http_connection_manager", "envoy.filters.network.http_connection_manager")


class Manager(NamedTuple):
    """An HTTP connection manager: the direction of its listener, its place, and its fields."""

    direction: str
    node: Node
    given: dict[str, Node]


def managers(node: Node, reading: Reading) -> Iterator[Manager]:
    """Yield the connection managers of a listener."""
    given = fields(node, LISTENER, reading)
    direction = "UNSPECIFIED"
    if "traffic_direction" in given:
        direction = choice(given["traffic_direction"], reading, DIRECTIONS) or direction
    chains = items(given.get("filter_chains"), reading)
    if "default_filter_chain" in given:
        chains = [*chains, given["default_filter_chain"]]
    for chain in chains:
        for each in items(fields(chain, CHAIN, reading).get("filters"), reading):
            found = manager(each, direction, reading)
            if found:
                yield found
            else:
                reading.ignore(each, "it is no HTTP connection manager")
    if "api_listener" in given:
        api = fields(given["api_listener"], API_LISTENER, reading).get("api_listener")
        if api:
            yield Manager(direction, api, fields(api, MANAGER, reading))


def manager(node: Node, direction: str, reading: Reading) -> Manager | None:
    """Return the connection manager that a network filter is, if it is one."""
    found = extension(node, reading)
    if found.message != MANAGER.name and (found.message or found.name not in NAMES):
        return None
    return Manager(direction, found.config, fields(found.config, MANAGER, reading))
