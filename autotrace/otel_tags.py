"""Span fields by OpenTelemetry's semantic conventions, for those who want these names.

https://opentelemetry.io/docs/specs/semconv/http/http-spans/
"""

from __future__ import annotations

from typing import Any

from autotrace import message_tags
from autotrace.facts import ClientRequest, Message, ServerRequest
from autotrace.operation import authority, destination, origin_form
from autotrace.span import Span

Tags = dict[str, Any]


def write(span: Span, tags: Tags) -> None:
    """Writes the fields of a span by what it is a span of."""
    request = span.request
    if isinstance(request, ServerRequest):
        _server(span, request, tags)
    elif isinstance(request, ClientRequest):
        _client(span, request, tags)
    elif isinstance(request, Message):
        message_tags.write(request, tags)
        if span.reason:
            tags["error.type"] = span.reason.partition(":")[0]
    if span.grpc:
        status = span.grpc[-1][0]
        tags["rpc.system"] = "grpc"
        tags["rpc.grpc.status_code"] = (
            int(status) if len(status) < 4 and status.isdecimal() else status
        )


def _server(span: Span, request: ServerRequest, tags: Tags) -> None:
    path, _, query = origin_form(request.target).partition("?")
    host, _, port = request.host.rpartition(":")
    # Strangers write it: digits of other scripts, or more of them than a number may have.
    if not (port.isascii() and port.isdigit() and len(port) < 6):
        host, port = request.host, ""
    pairs: tuple[tuple[str, Any], ...] = (
        ("http.request.method", request.method),
        ("url.scheme", request.scheme),
        ("url.path", path),
        ("url.query", query),
        ("http.route", request.route),
        ("server.address", host),
        ("server.port", int(port) if port else None),
        ("network.protocol.version", request.protocol.rpartition("/")[2]),
        ("client.address", request.peer),
        ("user_agent.original", request.user_agent),
        ("http.request.body.size", request.size),
        ("http.response.body.size", span.response_size),
    )
    tags.update([pair for pair in pairs if pair[1] not in ("", None)])
    _outcome(span, 500, tags)


def _client(span: Span, request: ClientRequest, tags: Tags) -> None:
    scheme, host, port = destination(request)
    target = request.target
    if target.startswith("/"):
        target = f"{scheme}://{authority(scheme, host, port)}{target}"
    tags["http.request.method"] = request.method
    tags["url.full"] = target
    tags["server.address"] = host
    tags["server.port"] = port or (443 if scheme == "https" else 80)
    if span.protocol:
        tags["network.protocol.version"] = span.protocol.rpartition("/")[2]
    if span.peer and not isinstance(span.peer, str):
        tags["network.peer.address"] = str(span.peer[0])
        tags["network.peer.port"] = span.peer[1]
    if request.attempt > 1:
        tags["http.request.resend_count"] = request.attempt - 1
    _outcome(span, 400, tags)


def _outcome(span: Span, worst: int, tags: Tags) -> None:
    if span.status:
        tags["http.response.status_code"] = span.status
    if span.reason:
        tags["error.type"] = span.reason.partition(":")[0]
    elif not span.status or span.status >= worst:
        tags["error.type"] = str(span.status or "no_response")
