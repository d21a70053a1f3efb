"""Envoy's and Istio's own configuration of tracing, in the names of our settings.

Nothing here is imported unless there is a file to read.
"""

from __future__ import annotations

from autotrace.envoy_config.reading import Reading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from autotrace.envoy_config.node import Node


def read(owner: str, documents: list[Node], file: str, environ: Mapping[str, str]) -> Reading:
    """Return what the documents of a file of Envoy's or Istio's say."""
    reading = Reading(file, environ)
    if owner == "Istio":
        from autotrace.envoy_config import istio

        istio.read(documents, reading)
    else:
        from autotrace.envoy_config import bootstrap

        bootstrap.read(documents, reading)
    return reading
