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


@dataclass(frozen=True)
class Resource:
    """The sender; `attributes` is what OTLP calls the resource."""

    service_name: str
    node_id: str = ""
    zone: str = ""
    attributes: Mapping[str, str | int] = field(default_factory=dict)

    @classmethod
    def from_config(cls, config: Config) -> Resource:
        """Describes this process; what the user states overrides what is found out."""
        found: dict[str, str | int] = {
            "service.name": config.service_name,
            "service.instance.id": config.node_id,
            "cloud.availability_zone": config.zone,
            "host.name": os.uname().nodename,
            "process.pid": os.getpid(),
            "telemetry.sdk.language": "python",
            "telemetry.sdk.name": "autotrace",
            "telemetry.sdk.version": __version__,
        }
        stated = dict(config.resource_attributes)
        # AUTOTRACE_SERVICE_NAME and OTEL_SERVICE_NAME win over service.name among the attributes;
        # without them the configuration has taken it from there.
        stated.pop("service.name", None)
        attributes = {**{key: value for key, value in found.items() if value}, **stated}
        return cls(config.service_name, config.node_id, config.zone, attributes)

    def of_this_process(self) -> Resource:
        """The same in a fork's child, which has a pid of its own."""
        return replace(self, attributes={**self.attributes, "process.pid": os.getpid()})
