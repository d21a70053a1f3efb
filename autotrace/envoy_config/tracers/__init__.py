"""Envoy's tracers: a module each, and the table that finds them.

https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/trace/v3/trace.proto
"""

from __future__ import annotations

from autotrace.config.problem import suggest
from autotrace.envoy_config.clusters import Clusters
from autotrace.envoy_config.extension import Extension, extension, unwrapped
from autotrace.envoy_config.tracers import (
    datadog,
    lightstep,
    opencensus,
    opentelemetry,
    skywalking,
    xray,
    zipkin,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autotrace.envoy_config.node import Node
    from autotrace.envoy_config.reading import Reading

# The tracers' messages, and the ends of their extensions' names, which Envoy took before `@type`.
TRACERS = {
    "ZipkinConfig": zipkin.read,
    "OpenTelemetryConfig": opentelemetry.read,
    "DatadogConfig": datadog.read,
    "SkyWalkingConfig": skywalking.read,
    "XRayConfig": xray.read,
    "LightstepConfig": lightstep.read,
    "OpenCensusConfig": opencensus.read,
}
# Envoy's others: a log forwarder, and code that is loaded into Envoy.
WITHOUT_COUNTERPART = (
    *("FluentdConfig", "DynamicOtConfig", "TraceServiceConfig", "DynamicModuleTracer"),
    *("envoy.tracers.fluentd", "envoy.tracers.dynamic_ot"),
)
NAMES = {message.removesuffix("Config").lower(): message for message in TRACERS}


def read(provider: Node, clusters: Clusters, reading: Reading) -> None:
    """Take the settings of a tracing provider: a name, and the tracer's configuration."""
    if "@type" in (provider.content if isinstance(provider.content, dict) else ()):
        found = unwrapped("", provider)
    else:
        found = extension(provider, reading)
    message = _message(found)
    if message in TRACERS:
        TRACERS[message](found.config, clusters, reading)
        return
    word = found.message or found.name
    known = TRACERS if found.message else [f"envoy.tracers.{name}" for name in NAMES]
    near = "." if word in WITHOUT_COUNTERPART else f"; {suggest(word, known)}"
    reading.problem(
        provider,
        f"this tracer is not available{near} Spans go to where AUTOTRACE_EXPORTER says.",
        shown=word,
        setting="exporter",
    )


def _message(found: Extension) -> str:
    if found.message:
        return found.message
    return NAMES.get(found.name.rpartition(".")[2].replace("_", ""), "")
