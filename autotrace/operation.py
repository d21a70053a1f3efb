"""Operation names that need no configuration: Envoy's own, and the host, as Envoy's Zipkin has it.

https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/observability/tracing
"""

from __future__ import annotations

from urllib.parse import urlsplit

from autotrace.facts import ClientRequest, ServerRequest

_DEFAULT_PORTS = {"http": 80, "https": 443}


def is_egress(traffic_direction: str) -> bool:
    """Whether a listener of this direction serves outbound calls; unspecified is inbound."""
    return traffic_direction.upper() == "OUTBOUND"


def default_operation(egress: bool, host: str) -> str:
    """Envoy's name of the span of a request that nobody named."""
    return f"egress {host}" if egress else "ingress"


def attempt_operation(cluster: str) -> str:
    """Envoy's name of an attempt to call a cluster (its observability name)."""
    return f"router {cluster} egress"


def side_operation(cluster: str) -> str:
    """Envoy's name of a gRPC call beside the request."""
    return f"async {cluster} egress"


def authority(scheme: str, host: str, port: int | None) -> str:
    """The `host[:port]` that a client puts into `Host`, without a default port."""
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    if port is None or port == _DEFAULT_PORTS.get(scheme):
        return host
    return f"{host}:{port}"


def server_operation(request: ServerRequest) -> str:
    """The host that was asked for; Envoy's `ingress` when there was none."""
    return request.host or "ingress"


def client_operation(request: ClientRequest) -> str:
    """The host that is called."""
    return authority(*destination(request))


def destination(request: ClientRequest) -> tuple[str, str, int | None]:
    """Scheme, host and port that are called: in a request to a proxy, those of its whole URL."""
    if not request.target.startswith("/"):
        try:
            parts = urlsplit(request.target)
            if parts.hostname:
                return parts.scheme, parts.hostname, parts.port
        except ValueError:
            # A port or an address that is none; the proxy will complain.
            pass
    return request.scheme, request.host, request.port


def origin_form(target: str) -> str:
    """The path and query of a request target, also of one that is a whole URL (RFC 9112 3.2.2)."""
    if target.startswith(("http://", "https://")):
        _, slash, path = target.partition("://")[2].partition("/")
        return slash + path
    return target
