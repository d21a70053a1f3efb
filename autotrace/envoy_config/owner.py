"""Whose configuration a file is: ours, Envoy's or Istio's, told by names that only one has."""

from __future__ import annotations

from autotrace.envoy_config.message import camel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ISTIO = {
    *("apiVersion", "kind", "meshConfig", "defaultConfig", "extensionProviders"),
    *("defaultProviders", "enableTracing", "rootNamespace", "discoveryAddress"),
    *("gatewayTopology", "proxyMetadata", "zipkinAddress"),
}
ISTIO_TRACING = {
    *("zipkin", "lightstep", "datadog", "stackdriver", "openCensusAgent", "sampling"),
    "tlsSettings",
}
ENVOY = {
    *("@type", "staticResources", "dynamicResources", "admin", "node", "layeredRuntime"),
    *("tracing", "httpFilters", "routeConfig", "requestIdExtension", "filterChains"),
    *("trafficDirection", "loadAssignment", "virtualHosts", "typedConfig", "resources"),
    *("codecType", "statPrefix"),
}
# Names that are settings of ours too, where Envoy has an object and we have a single value.
OBJECTS = (
    *("provider", "clientSampling", "randomSampling", "overallSampling"),
    "internalAddressConfig",
)


def owner(document: Any) -> str:
    """Return `Envoy` or `Istio`, or nothing where a document may be our own settings."""
    if not isinstance(document, dict):
        return ""
    given = {camel(str(name)): value for name, value in document.items()}
    if given.keys() & ISTIO or _is_of_istio(given.get("tracing")):
        return "Istio"
    if given.keys() & ENVOY or any(isinstance(given.get(name), dict) for name in OBJECTS):
        return "Envoy"
    return ""


def _is_of_istio(tracing: Any) -> bool:
    """Whether a `tracing` is that of Istio's ProxyConfig, rather than one of Envoy's."""
    if not isinstance(tracing, dict):
        return False
    given = {camel(str(name)): value for name, value in tracing.items()}
    return bool(given.keys() & ISTIO_TRACING) or isinstance(given.get("customTags"), dict)
