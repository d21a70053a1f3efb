"""Istio's Telemetry resource: sampling, tags and the provider's name, from the mesh down.

https://istio.io/latest/docs/reference/config/telemetry/
"""

from __future__ import annotations

from autotrace.envoy_config.istio import service
from autotrace.envoy_config.message import Message, fields, items, within
from autotrace.envoy_config.node import Node
from autotrace.envoy_config.values import boolean, choice, share, take

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autotrace.envoy_config.reading import Reading

THIS_PROCESS = "the file is taken to be for this process"
TELEMETRY = Message(
    "Telemetry",
    "tracing",
    {
        THIS_PROCESS: "selector target_ref target_refs",
        "only tracing is read": "metrics access_logging",
    },
)
TRACING = Message(
    "Tracing",
    "match providers random_sampling_percentage disable_span_reporting custom_tags "
    "use_request_id_for_trace_sampling disable_context_propagation",
    {"the tags istio.* are the proxy's own": "enable_istio_tags"},
)
MATCH = Message("TracingSelector", "mode")
PROVIDER_REF = Message("ProviderRef", "name")
MODES = ("CLIENT_AND_SERVER", "CLIENT", "SERVER")


class Telemetry:
    """A Telemetry resource: for how much of the mesh it is, and what it says."""

    def __init__(self, resource: Node) -> None:
        content = resource.content if isinstance(resource.content, dict) else {}
        metadata = content.get("metadata")
        named = metadata.content if metadata else None
        namespace = named.get("namespace") if isinstance(named, dict) else None
        self.namespace = namespace.content if namespace else None
        self.spec = content.get("spec") or Node({}, resource.path, resource.line)
        self.provider: Node | None = None  # its name
        self.disable_span_reporting: Node | None = None

    def rank(self, root_namespace: str) -> int:
        """Return how close it is to a workload: the mesh, a namespace, a selector."""
        spec = self.spec.content
        if isinstance(spec, dict) and {"selector", "targetRef", "targetRefs"} & spec.keys():
            return 2
        return 0 if self.namespace == root_namespace else 1

    def read(self, reading: Reading) -> None:
        """Take its settings; what needs the mesh configuration is kept."""
        for entry in items(fields(self.spec, TELEMETRY, reading).get("tracing"), reading):
            self._entry(entry, reading)

    def _entry(self, node: Node, reading: Reading) -> None:
        given = fields(node, TRACING, reading)
        mode = within(given, "match", MATCH, reading).get("mode")
        if mode and choice(mode, reading, MODES) == "CLIENT":
            reading.ignore(node, "client spans follow the request that they belong to")
            return
        take(reading, given, "random_sampling_percentage", share, "random_sampling")
        take(reading, given, "custom_tags", service.custom_tags)
        take(reading, given, "use_request_id_for_trace_sampling", boolean)
        take(reading, given, "disable_context_propagation", boolean, "no_context_propagation")
        off = given.get("disable_span_reporting")
        if off and boolean(off, reading) is not None:
            self.disable_span_reporting = off
        for each in items(given.get("providers"), reading)[:1]:
            self.provider = fields(each, PROVIDER_REF, reading).get("name")
        for other in items(given.get("providers"), reading)[1:]:
            reading.ignore(other, "Istio uses one provider, the first")
