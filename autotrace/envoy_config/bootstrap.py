"""Envoy's own configuration, whole or a piece of it, in the names of our settings.

https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/bootstrap/v3/bootstrap.proto
"""

from __future__ import annotations

from autotrace.envoy_config import connection_manager, reasons, runtime, tracers
from autotrace.envoy_config.clusters import CLUSTER, Clusters
from autotrace.envoy_config.connection_manager import MANAGER, TRACING
from autotrace.envoy_config.listeners import LISTENER, Manager, manager, managers
from autotrace.envoy_config.message import Message, fields, items, within
from autotrace.envoy_config.node import Node
from autotrace.envoy_config.piece import kind_of
from autotrace.envoy_config.routes import ROUTES, routes
from autotrace.envoy_config.values import text, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.envoy_config.reading import Reading

BOOTSTRAP = Message(
    "Bootstrap",
    "node static_resources layered_runtime tracing runtime",
    {
        reasons.DISCOVERY: "dynamic_resources config_sources default_config_source hds_config "
        "xds_delegate_extension xds_config_tracker_extension",
        reasons.RUNNING: "admin node_context_params cluster_manager flags_path watchdog watchdogs "
        "overload_manager enable_dispatcher_stats header_prefix stats_server_version_override "
        "bootstrap_extensions fatal_actions default_socket_interface inline_headers "
        "perf_tracing_file_path default_regex_engine listener_manager application_log_config "
        "grpc_async_client_manager_config memory_allocator_manager enable_worker_cpu_affinity",
        reasons.STATISTICS: "stats_sinks deferred_stat_options stats_config "
        "stats_flush_interval stats_flush_on_admin stats_eviction_interval",
        "names are resolved by the system": "use_tcp_for_dns_lookups dns_resolution_config "
        "typed_dns_resolver_config",
        reasons.SECURITY: "certificate_provider_instances",
    },
)
STATIC = Message("StaticResources", "listeners clusters", {reasons.SECURITY: "secrets"})
HTTP = Message("Tracing", "http")
NODE = Message(
    "Node",
    "id cluster locality",
    {
        reasons.RUNNING: "metadata dynamic_parameters user_agent_name user_agent_version "
        "user_agent_build_version extensions client_features listening_addresses"
    },
)
LOCALITY = Message("Locality", "zone", {"only the zone is a tag": "region sub_zone"})
RESOURCES = Message(
    "DiscoveryResponse",
    "resources",
    {reasons.DISCOVERY: "version_info type_url nonce control_plane canary"},
)


def read(documents: list[Node], reading: Reading) -> None:
    """Take the settings of a file's documents."""
    parts = Parts(reading)
    for document in documents:
        parts.add(document)
    if not parts.managers and not parts.provider:
        reading.problem(
            documents[0], "no HTTP connection manager here, so nothing is said of tracing."
        )
    parts.settle()


class Parts:
    """What was found of an Envoy, wherever it stood."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.clusters = Clusters()
        self.managers: list[Manager] = []
        self.routes: list[Node] = []
        self.provider: Node | None = None  # of the bootstrap, for managers without their own
        self.runtime: list[Node] = []
        self.node: Node | None = None

    def add(self, document: Node) -> None:
        """Take a document: a bootstrap, a resource, or a piece of one."""
        kind = kind_of(document)
        if kind == "Bootstrap":
            self._bootstrap(document)
        elif kind == "DiscoveryResponse":
            for each in items(
                fields(document, RESOURCES, self.reading).get("resources"), self.reading
            ):
                self.add(each)
        elif kind == LISTENER.name:
            self.managers += managers(document, self.reading)
        elif kind == CLUSTER.name:
            self.clusters.add(document, self.reading)
        elif kind == ROUTES.name:
            self.routes.append(document)
        elif kind == "Filter":
            found = manager(document, "UNSPECIFIED", self.reading)
            if found:
                self.managers.append(found)
            else:
                self.provider = document
        elif kind in tracers.TRACERS:
            self.provider = document
        elif kind == TRACING.name:
            content = Node({"tracing": document}, document.path, document.line)
            self.managers.append(
                Manager("UNSPECIFIED", document, fields(content, MANAGER, self.reading))
            )
        else:
            given = fields(document, MANAGER, self.reading)
            self.managers.append(Manager("UNSPECIFIED", document, given))

    def settle(self) -> None:
        """Take the settings of all parts."""
        main = self._main()
        outbound = [each for each in self.managers if each.direction == "OUTBOUND"]
        if main:
            is_traced = any("tracing" in each.given for each in outbound if each is not main)
            connection_manager.read(main.given, self.reading, traced_outbound=is_traced)
        for each in outbound:
            if each is not main:
                connection_manager.read_outbound(each.given, self.reading)
        tracer = (connection_manager.provider(main.given) if main else None) or self.provider
        if tracer:
            tracers.read(tracer, self.clusters, self.reading)
        self._routes(main, outbound)
        for node in self.runtime:
            runtime.read(node, self.reading)
        if self.node:
            _node(self.node, self.reading)
        self.clusters.rest(self.reading)

    def _bootstrap(self, document: Node) -> None:
        given = fields(document, BOOTSTRAP, self.reading)
        static = within(given, "static_resources", STATIC, self.reading)
        for each in items(static.get("clusters"), self.reading):
            self.clusters.add(each, self.reading)
        for each in items(static.get("listeners"), self.reading):
            self.managers += managers(each, self.reading)
        if "tracing" in given:
            self.provider = fields(given["tracing"], HTTP, self.reading).get("http")
        if "layered_runtime" in given:
            self.runtime.append(given["layered_runtime"])
        if "runtime" in given:
            self.reading.ignore(given["runtime"], "layered_runtime has taken its place")
        self.node = given.get("node", self.node)

    def _main(self) -> Manager | None:
        """Return the connection manager that describes the process's own requests."""
        if not self.managers:
            return None
        # A tracing one before others, an inbound one before one of no direction.
        order = {"INBOUND": 0, "UNSPECIFIED": 1, "OUTBOUND": 2}
        main = min(
            self.managers,
            key=lambda each: (
                each.direction == "OUTBOUND",
                "tracing" not in each.given,
                order[each.direction],
            ),
        )
        for other in self.managers:
            if other is not main and other.direction != "OUTBOUND":
                self.reading.ignore(
                    other.node,
                    f"requests are those of {self.reading.where(main.node)}",
                )
        if "tracing" not in main.given:
            self.reading.ignore(
                main.node, "Envoy traces nothing without `tracing` here; the agent does"
            )
        return main

    def _routes(self, main: Manager | None, outbound: list[Manager]) -> None:
        sources = [(each, False) for each in self.routes]
        if main and main not in outbound and "route_config" in main.given:
            sources.append((main.given["route_config"], False))
        sources += [(m.given["route_config"], True) for m in outbound if "route_config" in m.given]
        found: list[dict[str, Any]] = []
        for node, is_outbound in sources:
            found += routes(node, self.reading, outbound=is_outbound)
        if found:
            self.reading.set("routes", found, sources[0][0])


def _node(node: Node, reading: Reading) -> None:
    given = fields(node, NODE, reading)
    for field, setting in (("id", "node_id"), ("cluster", "service_name")):
        value = text_of(given, field, reading)
        if value:
            # What a tracer says of itself is more to the point.
            reading.offer(setting, value, given[field])
    zone = within(given, "locality", LOCALITY, reading).get("zone")
    value = text(zone, reading) if zone else None
    if zone and value:
        reading.set("zone", value, zone)
