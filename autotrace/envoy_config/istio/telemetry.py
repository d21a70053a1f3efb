"""Istio's Telemetry resource: sampling, tags and the provider's name, from the mesh down.

https://istio.io/latest/docs/reference/config/telemetry/
"""

from __future__ import annotations

from autotrace.envoy_config.istio import service
from autotrace.envoy_config.message import Message, fields, items, within
from autotrace.envoy_config.node import Node
from autotrace.envoy_config.values import boolean, choice, share, take, text

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

    def rank(self, root_namespace: str) -> int:
        """Return how close it is to a workload: the mesh, a namespace, a selector."""
        spec = self.spec.content
        if isinstance(spec, dict) and {"selector", "targetRef", "targetRefs"} & spec.keys():
            return 2
        return 0 if self.namespace == root_namespace else 1

    def read(self, reading: Reading) -> Node | None:
        """Take its settings; return the name of its provider, if it has one."""
        provider = None
        for entry in items(fields(self.spec, TELEMETRY, reading).get("tracing"), reading):
            provider = _tracing(entry, reading) or provider
        return provider


def _tracing(node: Node, reading: Reading) -> Node | None:
    given = fields(node, TRACING, reading)
    mode = within(given, "match", MATCH, reading).get("mode")
    if mode and choice(mode, reading, MODES) == "CLIENT":
        reading.ignore(node, "client spans follow the request that they belong to")
        return None
    take(reading, given, "random_sampling_percentage", share, "random_sampling")
    take(reading, given, "custom_tags", service.custom_tags)
    take(reading, given, "use_request_id_for_trace_sampling", boolean)
    take(reading, given, "disable_context_propagation", boolean, "no_context_propagation")
    off = given.get("disable_span_reporting")
    if off:
        take(reading, given, "disable_span_reporting", boolean, SPANS_ARE_OFF)
    names = []
    for each in items(given.get("providers"), reading):
        name = fields(each, PROVIDER_REF, reading).get("name")
        if name and text(name, reading):
            names.append(name)
    for other in names[1:]:
        reading.ignore(other, "Istio uses one provider, the first")
    return names[0] if names else None


# Not a setting: noted until the provider is known, since a stronger resource can undo it.
SPANS_ARE_OFF = "disable_span_reporting"
