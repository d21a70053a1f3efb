"""Operation names (Envoy: section "Operation name"): the host, as Envoy's Zipkin tracer has it."""

from __future__ import annotations

from urllib.parse import urlsplit

from autotrace.facts import ClientRequest, ServerRequest

_DEFAULT_PORTS = {"http": 80, "https": 443}


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
