"""Istio's configuration of tracing: a mesh configuration, Telemetry resources, in any order.

The provider is, as Istio has it, the one that Telemetry names, else the mesh's default one, else
that of the proxies' own configuration.
"""

from __future__ import annotations

from autotrace.config.problem import Invalid, suggest
from autotrace.envoy_config import reasons
from autotrace.envoy_config.istio import providers, proxy
from autotrace.envoy_config.istio.mesh import Mesh, tls_hosts
from autotrace.envoy_config.istio.telemetry import Telemetry
from autotrace.envoy_config.message import has
from autotrace.envoy_config.node import Node, documents
from autotrace.envoy_config.values import boolean, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autotrace.envoy_config.reading import Reading

# Istio's own, where neither Telemetry nor the mesh says how much is sampled.
DEFAULT_SAMPLING = 1.0
# Fields by which a mesh configuration is told from a ProxyConfig.
OF_A_MESH = (
    *("default_config", "extension_providers", "default_providers", "enable_tracing"),
    "root_namespace",
)


class Parts:
    """What was found of an Istio, wherever it stood."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.mesh = Mesh()
        self.telemetries: list[Telemetry] = []
        self.first: Node | None = None

    def add(self, document: Node) -> None:
        """Take a document: a Kubernetes resource, a mesh configuration, or a ProxyConfig."""
        self.first = self.first or document
        content = document.content if isinstance(document.content, dict) else {}
        kind = content.get("kind")
        if kind is not None:
            self._resource(str(kind.content), document, content)
        elif "meshConfig" in content:  # as Helm's values have it
            self.mesh.add(content["meshConfig"], self.reading)
        elif has(document, *OF_A_MESH):
            self.mesh.add(document, self.reading)
        else:
            self.mesh.proxies.append(document)

    def settle(self) -> None:
        """Take the settings of all parts, the closer to the workload the stronger."""
        tracer = None
        for config in self.mesh.proxies:
            tracer = proxy.read(config, self.reading) or tracer
        named, off = self.mesh.default, None
        for each in sorted(self.telemetries, key=lambda each: each.rank(self.mesh.root_namespace)):
            each.read(self.reading)
            named = each.provider or named
            off = each.disable_span_reporting or off
        source = self._provider(named, tracer)
        if off and off.content:
            self.reading.set("exporter", [], off)
        if source and "random_sampling" not in self.reading.settings:
            self.reading.set("random_sampling", DEFAULT_SAMPLING, source, "Istio's default")

    def _resource(self, kind: str, document: Node, content: dict[str, Node]) -> None:
        spec = content.get("spec") or Node({}, document.path, document.line)
        if kind == "Telemetry":
            self.telemetries.append(Telemetry(document))
        elif kind == "IstioOperator" and isinstance(spec.content, dict):
            inner = spec.content.get("meshConfig")
            if inner:
                self.mesh.add(inner, self.reading)
        elif kind == "ConfigMap":
            self._config_map(content)
        elif kind == "DestinationRule":
            self.mesh.tls += tls_hosts(spec)
        elif kind == "List" and isinstance((items := content.get("items", spec)).content, list):
            for each in items.content:
                self.add(each)
        else:
            self.reading.ignore(document, f"a {kind} says nothing of tracing")

    def _config_map(self, content: dict[str, Node]) -> None:
        data = content.get("data")
        texts = data.content if data else None
        for name, each in texts.items() if isinstance(texts, dict) else ():
            if name != "mesh":
                self.reading.ignore(each, reasons.MESH)
                continue
            if not isinstance(each.content, str):
                self.reading.problem(each, "a text is wanted: the mesh configuration as YAML.")
                continue
            try:
                for inner in documents(each.content, each):
                    self.mesh.add(inner, self.reading)
            except Invalid as fault:
                self.reading.problem(each, str(fault))

    def _provider(self, named: Node | None, tracer: Node | None) -> Node | None:
        """Take the settings of the tracing provider; return where it is described."""
        reading, known = self.reading, self.mesh.providers
        name = text(named, reading) if named else None
        for other, node in known.items():
            if other != name:
                reading.ignore(node, "no tracing names this provider")
        if named and name:
            if tracer:
                reading.ignore(tracer, "the tracer is the provider that is named")
            if name in known:
                providers.read(known[name], self.mesh.tls, reading)
                return known[name]
            near = f"; {suggest(name, known)}" if known else "."
            reading.problem(
                named,
                f"extensionProviders in this file have no such name{near} "
                "AUTOTRACE_PROVIDER and AUTOTRACE_EXPORTER say it otherwise.",
                shown=name,
                setting="exporter",
            )
            return None
        on = self.mesh.enable_tracing
        if on and boolean(on, reading) is False:
            reading.set("exporter", [], on)
        elif tracer and proxy.read_tracer(tracer, reading):
            return tracer
        elif self.first:
            reading.problem(
                self.first,
                "no provider of tracing is named; AUTOTRACE_EXPORTER says where spans go.",
                setting="exporter",
            )
        return None


def read(documents: list[Node], reading: Reading) -> None:
    """Take the settings of a file's documents."""
    parts = Parts(reading)
    for document in documents:
        parts.add(document)
    parts.settle()
