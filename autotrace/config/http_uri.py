"""Envoy's HttpUri: what is asked for there, of whom.

https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/core/v3/http_uri.proto
"""

from __future__ import annotations


def host_and_path(uri: str, cluster: str) -> tuple[str, str]:
    """The `Host` header and the path of requests to a URI, which may be a path in the cluster."""
    _, is_whole, rest = uri.partition("://")
    if not is_whole:
        return cluster, f"/{uri.removeprefix('/')}"
    host, _, path = rest.partition("/")
    return host, f"/{path}"
