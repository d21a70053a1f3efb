"""Span fields: Envoy's, and OpenTelemetry's semantic conventions for those who want them.

Everything here runs when a span is read or encoded, never while a request is served. The order is
Envoy's order of writing (`http_tracer_impl`: downstream and upstream spans).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import translate
from typing import Any

from autotrace.facts import ClientRequest, ServerRequest
from autotrace.operation import authority, client_operation, destination, server_operation
from autotrace.span import CLIENT, ERROR, UNSET, Span

Tag = tuple[str, Any]
Tags = list[Tag]
CustomTag = Callable[[Span], Tag | None]


class Reading:
    """The configured rules by which spans are read: which tags, which names, which status.

    `style` is `envoy`, `otel` or `both`; `include` and `exclude` are globs over tag names;
    `max_path_length` counts bytes of the path in `http.url`.
    """

    def __init__(
        self,
        style: str = "envoy",
        node_id: str = "",
        zone: str = "",
        max_path_length: int = 256,
        custom: Sequence[CustomTag] = (),
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
    ) -> None:
        self._envoy = style in ("envoy", "both")
        self._otel = style in ("otel", "both")
        self._identity: Tags = [
            (name, value) for name, value in (("node_id", node_id), ("zone", zone)) if value
        ]
        self._max_path_length = max_path_length
        self._custom = tuple(custom)
        self._include = _globs(include)
        self._exclude = _globs(exclude)

    def name(self, span: Span) -> str:
        """The operation name that the facts give."""
        request = span.request
        if isinstance(request, ServerRequest):
            return server_operation(request)
        if isinstance(request, ClientRequest):
            return client_operation(request)
        return ""

    def status(self, span: Span) -> int:
        """ERROR for 500 and above or no answer, and for 4xx where we were the client.

        The rule of Envoy's OpenTelemetry tracer and of the HTTP semantic conventions.
        """
        if span.request is None:
            return UNSET
        worst = 400 if span.kind == CLIENT else 500
        failed = span.reason or not span.status or span.status >= worst
        return ERROR if failed else UNSET

    def tags(self, span: Span) -> Tags:
        """All tags of a span; what the program set itself comes last and wins."""
        request = span.request
        tags: Tags = []
        if isinstance(request, ServerRequest):
            if self._envoy:
                tags += self._identity
                _envoy_server(span, request, self._max_path_length, tags)
            if self._otel:
                _otel_server(span, request, tags)
        elif isinstance(request, ClientRequest):
            if self._envoy:
                _envoy_client(span, request, tags)
            if self._otel:
                _otel_client(span, request, tags)
        if self._custom and request is not None:
            made = [tag for tag in (custom(span) for custom in self._custom) if tag is not None]
            tags = _overridden(tags, dict(made))
        if span.attributes:
            tags = _overridden(tags, span.attributes)
        if self._include or self._exclude:
            tags = [tag for tag in tags if self._wanted(tag[0])]
        return tags

    def _wanted(self, name: str) -> bool:
        if self._include and not self._include.match(name):
            return False
        return not (self._exclude and self._exclude.match(name))


def _globs(patterns: Sequence[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(translate(pattern) for pattern in patterns)) if patterns else None


def _overridden(tags: Tags, later: dict[str, Any]) -> Tags:
    return [tag for tag in tags if tag[0] not in later] + list(later.items())


def http_url(request: ServerRequest, max_path_length: int) -> str:
    """Envoy's `http.url`: scheme, host and path with query, the path cut to its limit."""
    path = request.original_path or _origin_form(request.target)
    if not path:
        return ""
    if len(path) > max_path_length or not path.isascii():
        path = path.encode("latin-1", "replace")[:max_path_length].decode("latin-1")
    return f"{request.scheme}://{request.host}{path}"


def _origin_form(target: str) -> str:
    """The path and query of a request target, also of one that is a whole URL (RFC 9112 3.2.2)."""
    if target.startswith(("http://", "https://")):
        _, slash, path = target.partition("://")[2].partition("/")
        return slash + path
    return target


def response_flags(span: Span) -> str:
    """The flags as Envoy joins them; `-` when there are none."""
    return ",".join(span.flags) or "-"


def address(peer: Sequence[object] | None) -> str:
    """`ip:port` of a socket address, the bare name of a Unix socket."""
    if not peer:
        return ""
    if isinstance(peer, str):
        return peer
    host = str(peer[0])
    return f"[{host}]:{peer[1]}" if ":" in host else f"{host}:{peer[1]}"


def _envoy_server(span: Span, request: ServerRequest, max_path_length: int, tags: Tags) -> None:
    if span.request_id:
        tags.append(("guid:x-request-id", span.request_id))
    tags += (
        ("http.url", http_url(request, max_path_length)),
        ("http.method", request.method),
        ("downstream_cluster", request.downstream_cluster or "-"),
        ("user_agent", request.user_agent or "-"),
        ("http.protocol", request.protocol or "-"),
    )
    if request.peer:
        tags.append(("peer.address", request.peer))
    if span.client_trace_id is not None:
        tags.append(("guid:x-client-trace-id", span.client_trace_id))
    tags += (
        ("request_size", str(request.size)),
        ("response_size", str(span.response_size)),
    )
    _envoy_both(span, tags)


def _envoy_client(span: Span, request: ClientRequest, tags: Tags) -> None:
    if request.attempt > 1:
        tags.append(("retry.count", str(request.attempt - 1)))
    if span.protocol:
        tags.append(("http.protocol", span.protocol))
    upstream = address(span.peer)
    if upstream:
        tags += (("upstream_address", upstream), ("peer.address", upstream))
    _envoy_both(span, tags, destination(request)[1])
    if span.reason:
        tags.append(("error.reason", span.reason))


def _envoy_both(span: Span, tags: Tags, cluster: str = "") -> None:
    tags.append(("component", "proxy"))
    if cluster:
        tags += (("upstream_cluster", cluster), ("upstream_cluster.name", cluster))
    tags += (
        ("http.status_code", str(span.status)),
        ("response_flags", response_flags(span)),
    )
    if span.reason or not span.status or span.status >= 500:
        tags.append(("error", "true"))


def _otel_server(span: Span, request: ServerRequest, tags: Tags) -> None:
    path, _, query = _origin_form(request.target).partition("?")
    host, _, port = request.host.rpartition(":")
    if not port.isdigit():
        host, port = request.host, ""
    pairs: tuple[Tag, ...] = (
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
    tags += [pair for pair in pairs if pair[1] not in ("", None)]
    _otel_outcome(span, 500, tags)


def _otel_client(span: Span, request: ClientRequest, tags: Tags) -> None:
    scheme, host, port = destination(request)
    target = request.target
    if target.startswith("/"):
        target = f"{scheme}://{authority(scheme, host, port)}{target}"
    default_port = 443 if scheme == "https" else 80
    tags += (
        ("http.request.method", request.method),
        ("url.full", target),
        ("server.address", host),
        ("server.port", port or default_port),
    )
    if span.protocol:
        tags.append(("network.protocol.version", span.protocol.rpartition("/")[2]))
    if span.peer and not isinstance(span.peer, str):
        tags.append(("network.peer.address", str(span.peer[0])))
        tags.append(("network.peer.port", span.peer[1]))
    if request.attempt > 1:
        tags.append(("http.request.resend_count", request.attempt - 1))
    _otel_outcome(span, 400, tags)


def _otel_outcome(span: Span, worst: int, tags: Tags) -> None:
    if span.status:
        tags.append(("http.response.status_code", span.status))
    if span.reason:
        tags.append(("error.type", span.reason.partition(":")[0]))
    elif not span.status or span.status >= worst:
        tags.append(("error.type", str(span.status or "no_response")))
