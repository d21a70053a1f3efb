"""Which message of Envoy's a document is, since a piece of a bootstrap may stand for itself."""

from __future__ import annotations

from autotrace.envoy_config.extension import message_of
from autotrace.envoy_config.message import has

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autotrace.envoy_config.node import Node

# Fields that only one of them has, the first found counts.
TELLING = (
    ("Bootstrap", ("static_resources", "dynamic_resources", "node", "layered_runtime", "admin")),
    ("DiscoveryResponse", ("resources",)),
    ("Listener", ("filter_chains", "default_filter_chain", "traffic_direction")),
    ("Cluster", ("load_assignment",)),
    ("RouteConfiguration", ("virtual_hosts",)),
    ("HttpConnectionManager", ("route_config", "http_filters", "stat_prefix", "codec_type")),
    ("Filter", ("typed_config",)),
)
OF_TRACING = ("provider", "random_sampling", "client_sampling", "overall_sampling")


def kind_of(document: Node) -> str:
    """Return the message's name; by its fields, where it has no `@type`."""
    named = message_of(document)
    if named:
        return named
    for kind, names in TELLING:
        if has(document, *names):
            return kind
    content = document.content
    tracing = content.get("tracing") if isinstance(content, dict) else None
    if tracing is not None and has(tracing, "http"):
        return "Bootstrap"
    if tracing is None and has(document, *OF_TRACING):
        return "Tracing"
    return "HttpConnectionManager"
