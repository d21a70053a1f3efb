"""Both sides of a call as Zipkin endpoints: ours, and the other one read from the span's tags.

Without that on a client span Zipkin draws no dependency to what it does not trace itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Any

from autotrace.export.attribute_text import text

if TYPE_CHECKING:
    from autotrace.export.resource import Resource

# By rank, the first that has a value: Envoy's names, then those of OpenTelemetry's Zipkin mapping.
_NAMES_UPSTREAM = (
    "upstream_cluster.name",
    "upstream_cluster",
    "peer.service",
    "server.address",
    "net.peer.name",
    "peer.hostname",
    "db.name",
)
_NAMES_DOWNSTREAM = ("downstream_cluster",)
_ADDRESSES = ("upstream_address", "peer.address", "network.peer.address")


def local_endpoint(resource: Resource) -> dict[str, Any]:
    """The endpoint of this process."""
    return {"serviceName": resource.service_name.lower(), **_endpoint(resource.address)}


def remote_endpoint(kind: str, tags: Mapping[str, object]) -> dict[str, Any]:
    """The remote endpoint of a span of that kind; empty when nothing is known of it."""
    made: dict[str, Any] = {}
    if not kind:
        return made
    name = _first(tags, _names(kind))
    if name:
        made["serviceName"] = name.lower()
    address = _first(tags, _ADDRESSES)
    if address:
        made.update(_endpoint(address))
        port = text(tags.get("network.peer.port", ""))
        if "port" not in made and ("ipv4" in made or "ipv6" in made) and port.isdigit():
            made.update(_port(port))
    return made


def upstream_name(tags: Mapping[str, object]) -> str:
    """Who is called, by the tags of a client span; empty where none says so."""
    return _first(tags, _NAMES_UPSTREAM)


def _names(kind: str) -> tuple[str, ...]:
    if kind in ("SERVER", "CONSUMER"):
        return _NAMES_DOWNSTREAM
    return _NAMES_UPSTREAM


def _first(tags: Mapping[str, object], names: tuple[str, ...]) -> str:
    for name in names:
        value = tags.get(name)
        # "-" is Envoy's word for unknown.
        if value and value != "-":
            return text(value)
    return ""


@lru_cache(maxsize=1024)
def _endpoint(address: str) -> dict[str, Any]:
    """An `ip`, `ip:port` or `[ip]:port` taken apart; empty for anything else, such as a socket."""
    host, port = address, ""
    if address.startswith("["):
        host, _, port = address[1:].partition("]:")
        host = host.rstrip("]")
    elif address.count(":") == 1:
        host, _, port = address.partition(":")
    try:
        parsed = ip_address(host)
    except ValueError:
        return {}
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is None:
            return {"ipv6": parsed.compressed.partition("%")[0], **_port(port)}
        parsed = parsed.ipv4_mapped
    return {"ipv4": str(parsed), **_port(port)}


def _port(port: str) -> dict[str, int]:
    """The port, unless it is none: the server treats 0 as absent."""
    number = int(port) if port.isascii() and port.isdigit() else 0
    return {"port": number} if 0 < number < 65536 else {}
