"""A request's header by its name, as tags and formats ask for it: out of what was kept of it."""

from __future__ import annotations

from autotrace.facts import ClientRequest, GrpcRequest, ServerRequest
from autotrace.headers import Known
from autotrace.operation import client_operation, destination, origin_form
from autotrace.span import Span
from autotrace.trust import AT_THE_EDGE, Edge, Trust, is_touched

REQUEST_ID = "x-request-id"
# What integrations tell as facts, so that no header needs to be looked for.
TOLD = frozenset(
    (
        *(":method", ":path", ":authority", ":scheme", "host", "user-agent", REQUEST_ID),
        *("x-envoy-original-path", "x-envoy-downstream-service-cluster"),
    )
)


def value(span: Span, name: str) -> str | None:
    """The header (lower-case name, or one of HTTP/2's `:method`, ...); None if it is not there.

    A client span has its own method, path, authority and scheme; of the rest it has the headers
    of the inbound call that caused it, as a proxy would send them on.
    """
    if name == REQUEST_ID:
        return span.request_id or None
    if span.edge and name in AT_THE_EDGE:
        return None
    if is_touched(name):
        arrival = arrived(span)
        if arrival is not None and name in arrival.written:
            return arrival.written[name]
        if arrival is not None and name in arrival.removed:
            return None
    found = span.request_headers.get(name)
    if found is not None:
        return found
    request = span.request
    if isinstance(request, ServerRequest):
        return _of_server(request, name)
    if isinstance(request, ClientRequest):
        return _of_client(request, name)
    return None


def arrived(span: Span) -> Edge | None:
    """Whom the inbound call of a span comes from, and what becomes of its headers."""
    trust = getattr(getattr(span.call, "core", None), "trust", None)
    known = span.request_headers
    if not isinstance(trust, Trust) or not isinstance(known, Known):
        return None
    request = span.request
    peer: str = getattr(span.call, "peer", "")
    return trust.mutate(request.peer if isinstance(request, ServerRequest) else peer, known)


def _of_server(request: ServerRequest, name: str) -> str | None:
    if name == ":method":
        return request.method or None
    if name == ":path":
        return origin_form(request.target) or None
    if name == ":scheme":
        return request.scheme or None
    if name in (":authority", "host"):
        return request.host or None
    if name == "user-agent":
        return request.user_agent or None
    if name == "x-envoy-original-path":
        return request.original_path or None
    if name == "x-envoy-downstream-service-cluster":
        return request.downstream_cluster or None
    if isinstance(request, GrpcRequest):
        if name == "content-type":
            return request.content_type
        if name == "grpc-timeout":
            return request.timeout
    return None


def _of_client(request: ClientRequest, name: str) -> str | None:
    if name == ":method":
        return request.method or None
    if name == ":path":
        return origin_form(request.target) or None
    if name == ":scheme":
        return destination(request)[0] or None
    if name in (":authority", "host"):
        return client_operation(request) or None
    return None
