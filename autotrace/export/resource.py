"""Who sends the spans: the service, its node and the process, as every backend wants to know.

Attribute names: https://opentelemetry.io/docs/specs/semconv/resource/
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from autotrace import __version__

if TYPE_CHECKING:
    from autotrace.config import Config

VARIABLE = "OTEL_RESOURCE_ATTRIBUTES"
# How Envoy's OpenTelemetry tracer calls a service without a name.
ENVOYS_NAME = "unknown_service:envoy"


def environment_attributes(text: str) -> dict[str, str]:
    """The attributes in the variable as Envoy reads it: what is no `key=value` is left out.

    A value cannot hold another equals sign, and nothing is decoded.
    """
    pairs = [item.split("=") for item in text.split(",")]
    return {
        pair[0].strip(): pair[1].strip() for pair in pairs if len(pair) == 2 and pair[0].strip()
    }


@dataclass(frozen=True)
class Resource:
    """The sender; `attributes` is what OTLP calls the resource, `address` its `ip` or `ip:port`."""

    service_name: str
    node_id: str = ""
    zone: str = ""
    attributes: Mapping[str, str | int] = field(default_factory=dict)
    address: str = ""

    @classmethod
    def from_config(cls, config: Config) -> Resource:
        """Describes this process; what the user states overrides what is found out."""
        as_envoy = config.provider == "opentelemetry"
        named = config.service_name
        if as_envoy and "service_name" not in config.sources:
            named = ENVOYS_NAME
        found: dict[str, str | int] = {
            "service.name": named,
            "service.instance.id": config.node_id,
            "cloud.availability_zone": config.zone,
            "host.name": os.uname().nodename,
            "process.pid": os.getpid(),
            "telemetry.sdk.language": "python",
            "telemetry.sdk.name": "autotrace",
            "telemetry.sdk.version": __version__,
        }
        stated = dict(config.resource_attributes)
        if as_envoy:
            if config.sources.get("resource_attributes") == VARIABLE:
                stated = {}
            # Envoy's detectors complete each other: a file does not replace the environment.
            stated = {**environment_attributes(os.environ.get(VARIABLE, "")), **stated}
        # AUTOTRACE_SERVICE_NAME and OTEL_SERVICE_NAME win over service.name among the attributes;
        # without them the configuration has taken it from there.
        stated.pop("service.name", None)
        attributes = {**{key: value for key, value in found.items() if value}, **stated}
        address = stated.get("k8s.pod.ip") or stated.get("host.ip") or ""
        return cls(named, config.node_id, config.zone, attributes, address)

    def of_this_process(self) -> Resource:
        """The same in a fork's child, which has a pid of its own."""
        return replace(self, attributes={**self.attributes, "process.pid": os.getpid()})
