"""Envoy's span fields, in Envoy's order of writing; what is written twice keeps its first place.

The order is that of `source/common/tracing/http_tracer_impl.cc`: downstream (server), upstream
(client) and generic spans. Custom tags are written between the fields and a server's gRPC status.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autotrace import grpc_status, message_tags, response_flags
from autotrace.cluster import cluster
from autotrace.facts import ClientRequest, GrpcRequest, Message, ServerRequest, SideCall, Stream
from autotrace.operation import origin_form
from autotrace.span import CLIENT, Span

# Tag name to value: a dict, since Envoy overwrites what is set twice.
Tags = dict[str, Any]
Custom = Callable[[Span, Tags], None]


def write(span: Span, tags: Tags, max_path_length: int, custom: Custom | None) -> None:
    """Writes the fields of a span by what it is a span of, and the custom tags in their place."""
    request = span.request
    if isinstance(request, ServerRequest):
        downstream(span, request, tags, max_path_length)
    elif isinstance(request, ClientRequest):
        upstream(span, request, tags)
    elif isinstance(request, Stream):
        generic(span, request, tags)
    elif isinstance(request, SideCall):
        side_call(span, request, tags)
        return
    elif isinstance(request, Message):
        message(span, request, tags)
    if custom is not None:
        custom(span, tags)
    if span.grpc and span.kind != CLIENT:
        _grpc_response(span, tags)


def downstream(span: Span, request: ServerRequest, tags: Tags, max_path_length: int) -> None:
    """Writes the fields of a server span."""
    if request.method:
        request_id = span.request_id
        if request_id:
            tags["guid:x-request-id"] = request_id
        tags["http.url"] = http_url(request, max_path_length)
        tags["http.method"] = request.method
        # What an outsider says of himself is not believed: Envoy takes the header off.
        tags["downstream_cluster"] = (not span.edge and request.downstream_cluster) or "-"
        tags["user_agent"] = request.user_agent or "-"
        tags["http.protocol"] = request.protocol or "-"
        if request.peer:
            tags["peer.address"] = request.peer
        if span.client_trace_id is not None:
            tags["guid:x-client-trace-id"] = span.client_trace_id
        if isinstance(request, GrpcRequest):
            tags["grpc.path"] = origin_form(request.target)
            tags["grpc.authority"] = request.host
            tags["grpc.content_type"] = request.content_type
            if request.timeout is not None:
                tags["grpc.timeout"] = request.timeout
    tags["request_size"] = str(request.size)
    tags["response_size"] = str(span.response_size)
    _http_response(span, tags)


def upstream(span: Span, request: ClientRequest, tags: Tags) -> None:
    """Writes the fields of one attempt to call somebody."""
    if request.attempt > 1:
        tags["retry.count"] = str(request.attempt - 1)
    if span.grpc:
        _grpc_response(span, tags)
    if span.reason:
        tags["error"] = "true"
        tags["error.reason"] = span.reason
    if span.canceled:
        tags["canceled"] = "true"
    if span.protocol:
        tags["http.protocol"] = span.protocol
    called = address(span.peer)
    if called:
        tags["upstream_address"] = called
        tags["peer.address"] = called
    _http_response(span, tags)


def side_call(span: Span, request: SideCall, tags: Tags) -> None:
    """Writes the fields of a gRPC call beside the request; stricter than those of a request."""
    tags["upstream_cluster"] = request.cluster
    tags["component"] = "proxy"
    for status, _ in span.grpc:
        tags["grpc.status_code"] = status
    if span.canceled:
        tags["status"] = "canceled"
    elif tags.get("grpc.status_code") != "0" or not request.answered:
        tags["error"] = "true"


def generic(span: Span, request: Stream, tags: Tags) -> None:
    """Writes the fields of a stream of another protocol."""
    tags["component"] = "proxy"
    tags["response_flags"] = response_flags.short(span.flags)
    peer, called = address(request.peer), address(span.peer)
    if peer:
        tags["peer.address"] = peer
    _cluster(span, tags)
    if called:
        tags["upstream_address"] = called
        if span.kind == CLIENT:
            tags["peer.address"] = called


def message(span: Span, request: Message, tags: Tags) -> None:
    """Writes the fields of work that came as a message, which Envoy never sees: those that fit."""
    if span.request_id:
        tags["guid:x-request-id"] = span.request_id
    message_tags.write(request, tags)
    tags["component"] = "proxy"
    if span.reason:
        tags["error"] = "true"
        tags["error.reason"] = span.reason


def _http_response(span: Span, tags: Tags) -> None:
    tags["component"] = "proxy"
    _cluster(span, tags)
    status = span.status
    tags["http.status_code"] = str(status)
    tags["response_flags"] = response_flags.short(span.flags) if span.flags else "-"
    if status < 1 or status >= 500 or span.reason:
        tags["error"] = "true"


def _cluster(span: Span, tags: Tags) -> None:
    name, observability_name = cluster(span)
    if name:
        tags["upstream_cluster"] = name
        tags["upstream_cluster.name"] = observability_name


def _grpc_response(span: Span, tags: Tags) -> None:
    for status, message in span.grpc:
        tags["grpc.status_code"] = status
        if message is not None:
            tags["grpc.message"] = message
        if grpc_status.is_error(status):
            tags["error"] = "true"


def http_url(request: ServerRequest, max_path_length: int) -> str:
    """Envoy's `http.url`: scheme, host and path with query, the path cut to its limit."""
    path = request.original_path or origin_form(request.target)
    if not path:
        return ""
    if len(path) > max_path_length or not path.isascii():
        path = path.encode("latin-1", "replace")[:max_path_length].decode("latin-1")
    return f"{request.scheme}://{request.host}{path}"


def address(peer: Sequence[object] | None) -> str:
    """`ip:port` of a socket address, the bare name of a Unix socket."""
    if not peer:
        return ""
    if isinstance(peer, str):
        return peer
    host = str(peer[0])
    return f"[{host}]:{peer[1]}" if ":" in host else f"{host}:{peer[1]}"
