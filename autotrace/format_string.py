"""Envoy's format strings, rendered from a span: names and tags such as `%REQ(:METHOD)% %ROUTE%`.

A format is made ready once and rendered when the span is read. What is not known is the empty
text, as Envoy's tracing has it, and not the `-` of access logs. The commands: `format_grammar`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from autotrace import format_time, grpc_status, metadata, request_header, response_flags
from autotrace.cluster import cluster
from autotrace.envoy_tags import address
from autotrace.facts import ClientRequest, ServerRequest, Stream
from autotrace.format_grammar import (
    EMPTY,
    REQUEST,
    RESPONSE,
    TRAILERS,
    Command,
    Malformed,
    alternatives,
    headers,
    operators,
    parse,
)
from autotrace.operation import destination
from autotrace.span import CLIENT, Span
from autotrace.trust import FORWARDED_FOR

# The text for a span.
Render = Callable[[Span], str]

ORIGINAL_PATH = "x-envoy-original-path"
METADATA_TYPES = {
    "DYNAMIC": metadata.REQUEST,
    "CLUSTER": metadata.CLUSTER,
    "ROUTE": metadata.ROUTE,
    "UPSTREAM_HOST": metadata.HOST,
}
_METADATA_COMMANDS = {
    "DYNAMIC_METADATA": metadata.REQUEST,
    "CLUSTER_METADATA": metadata.CLUSTER,
    "UPSTREAM_METADATA": metadata.HOST,
}


def made_ready(
    text: str, environ: Mapping[str, str], configured: Mapping[str, Any]
) -> Render | None:
    """The function that renders a format; None for one that the configuration complained of.

    `configured` is the metadata by kind.
    """
    try:
        parts = [
            part if isinstance(part, str) else _ready(part, environ, configured)
            for part in parse(text)
        ]
    except Malformed:
        return None

    def render(span: Span) -> str:
        return "".join([part if isinstance(part, str) else part(span) for part in parts])

    return render


def header_names(text: str) -> tuple[str, ...]:
    """The request headers, lower-case, that a format reads and that no fact tells."""
    names = [name for name in _names(text, REQUEST) if name not in request_header.TOLD]
    if "DOWNSTREAM_REMOTE_ADDRESS" in text:
        names.append(FORWARDED_FOR)
    return tuple(names)


def response_header_names(text: str) -> tuple[str, ...]:
    """The response headers, lower-case, that a format reads."""
    return _names(text, RESPONSE)


def trailer_names(text: str) -> tuple[str, ...]:
    """The response trailers, lower-case, that a format reads."""
    return _names(text, TRAILERS)


def _names(text: str, commands: Sequence[str]) -> tuple[str, ...]:
    try:
        return tuple(dict.fromkeys(headers(parse(text), commands)))
    except Malformed:
        return ()


def _ready(part: Command, environ: Mapping[str, str], configured: Mapping[str, Any]) -> Render:
    render = _command(part, environ, configured)
    if part.length is None:
        return render
    length = part.length
    return lambda span: render(span)[:length]


def _command(part: Command, environ: Mapping[str, str], configured: Mapping[str, Any]) -> Render:
    name, argument = part.name, part.argument or ""
    if name in EMPTY:
        return lambda span: ""
    if name in REQUEST:
        return _request_header(alternatives(part), name == "REQ_WITHOUT_QUERY")
    if name in RESPONSE:
        return _part_header(alternatives(part), lambda span: span.response_headers)
    if name in TRAILERS:
        return _part_header(alternatives(part), lambda span: span.response_trailers)
    if name == "METADATA":
        kind, _, argument = argument.partition(":")
        return _metadata(METADATA_TYPES.get(kind, ""), argument, configured)
    if name in _METADATA_COMMANDS:
        return _metadata(_METADATA_COMMANDS[name], argument, configured)
    if name == "ENVIRONMENT":
        value = environ.get(argument, "")
        return lambda span: value
    if name == "HOSTNAME":
        host = os.uname().nodename
        return lambda span: host
    if name == "COALESCE":
        made = [_ready(each, environ, configured) for each in operators(part)]
        return lambda span: next(filter(None, (render(span) for render in made)), "")
    if name in _WITH_ARGUMENT:
        make = _WITH_ARGUMENT[name]
        return lambda span: make(span, argument)
    return _OF_SPAN[name]


def _request_header(names: Sequence[str], without_query: bool) -> Render:
    def render(span: Span) -> str:
        for name in names:
            value = request_header.value(span, name)
            if value is not None:
                return value.partition("?")[0] if without_query else value
        return ""

    return render


def _part_header(names: Sequence[str], part: Callable[[Span], Mapping[str, str] | None]) -> Render:
    def render(span: Span) -> str:
        known = part(span) or {}
        return next((known[name] for name in names if name in known), "")

    return render


def _metadata(kind: str, path: str, configured: Mapping[str, Any]) -> Render:
    steps = path.split(":")

    def render(span: Span) -> str:
        found = metadata.value_of(metadata.of_span(span, kind, configured), steps)
        return metadata.as_text(found) or ""

    return render


# Of the span.


def _protocol(span: Span) -> str:
    return span.request.protocol if isinstance(span.request, ServerRequest) else ""


def _duration(span: Span) -> str:
    return str((span.end_ns - span.start_ns) // 1_000_000) if span.end_ns else ""


def _peer(span: Span, argument: str = "") -> str:
    request = span.request
    if isinstance(request, Stream):
        return _masked(_host(address(request.peer)), argument)
    return _masked(request.peer, argument) if isinstance(request, ServerRequest) else ""


def _client(span: Span, argument: str = "") -> str:
    """The client's address as far as it can be believed."""
    arrival = request_header.arrived(span)
    if isinstance(span.request, ServerRequest) and arrival is not None:
        return _masked(arrival.trusted_address, argument)
    return _peer(span, argument)


def _called(span: Span, argument: str = "") -> str:
    return _masked(_host(address(span.peer)), argument)


def _host(called: str) -> str:
    """An address without its port."""
    host, colon, port = called.rpartition(":")
    return host.strip("[]") if colon and port.isdigit() else called


def _masked(host: str, bits: str) -> str:
    """An address in CIDR notation with so many bits of it, if that can be."""
    if not bits or not host:
        return host
    import ipaddress

    try:
        return str(ipaddress.ip_network(f"{host}/{bits}", strict=False))
    except ValueError:
        return host


def _host_name(span: Span) -> str:
    if not isinstance(span.request, ClientRequest):
        return ""
    _, host, port = destination(span.request)
    return f"{host}:{port}" if port else host


def _grpc_number(span: Span) -> str:
    return span.grpc[-1][0] if span.grpc else ""


def _grpc(span: Span, argument: str) -> str:
    number = _grpc_number(span)
    known = len(number) < 3 and number.isdecimal() and int(number) < len(grpc_status.NAMES)
    if not known or argument == "NUMBER":
        return number
    name = grpc_status.NAMES[int(number)]
    return name if argument == "SNAKE_STRING" else grpc_status.camel(name)


def _full_path(span: Span, source: str = "ORIG_OR_PATH") -> str:
    names = {"ORIG": (ORIGINAL_PATH,), "PATH": (":path",)}.get(source, (ORIGINAL_PATH, ":path"))
    return next(filter(None, (request_header.value(span, name) for name in names)), "")


def _path(span: Span, argument: str) -> str:
    query, _, source = argument.partition(":")
    path = _full_path(span, source)
    return path.partition("?")[0] if query == "NQ" else path


def _query(span: Span, argument: str) -> str:
    query = _full_path(span, "PATH").partition("?")[2]
    if argument != "DECODED":
        return query
    from urllib.parse import unquote_plus

    return unquote_plus(query)


def _query_parameter(span: Span, argument: str) -> str:
    for pair in _full_path(span, "PATH").partition("?")[2].split("&"):
        name, _, value = pair.partition("=")
        if name == argument:
            return value
    return ""


def _server_name(span: Span, argument: str) -> str:
    """The host that was asked for, where a format does not insist on the name of TLS."""
    if not argument.startswith(("SNI_FIRST", "HOST_FIRST")):
        return ""
    return request_header.value(span, ":authority") or ""


def _route_name(span: Span) -> str:
    return span.route_rule.name if span.route_rule is not None else ""


def _of_server(fact: str) -> Render:
    def render(span: Span) -> str:
        return str(getattr(span.request, fact, "")) if span.kind != CLIENT else ""

    return render


_OF_SPAN: dict[str, Render] = {
    "ROUTE": _of_server("route"),
    "ROUTE_NAME": _route_name,
    "PROTOCOL": _protocol,
    "UPSTREAM_PROTOCOL": lambda span: span.protocol,
    "RESPONSE_CODE": lambda span: str(span.status),
    "RESPONSE_FLAGS": lambda span: response_flags.short(span.flags),
    "RESPONSE_FLAGS_LONG": lambda span: response_flags.long(span.flags),
    "BYTES_RECEIVED": _of_server("size"),
    "BYTES_SENT": lambda span: str(span.response_size) if span.kind != CLIENT else "",
    "DURATION": _duration,
    "GRPC_STATUS_NUMBER": _grpc_number,
    "TRACE_ID": lambda span: span.trace_id,
    "SPAN_ID": lambda span: span.span_id,
    "STREAM_ID": lambda span: span.request_id,
    "DOWNSTREAM_REMOTE_ADDRESS": _client,
    "DOWNSTREAM_DIRECT_REMOTE_ADDRESS": _peer,
    "UPSTREAM_CLUSTER": lambda span: cluster(span)[1],
    "UPSTREAM_CLUSTER_RAW": lambda span: cluster(span)[0],
    "UPSTREAM_HOST": lambda span: address(span.peer),
    "UPSTREAM_HOST_NAME": _host_name,
    "UPSTREAM_HOST_NAME_WITHOUT_PORT": lambda span: _host(_host_name(span)),
    "UPSTREAM_REMOTE_ADDRESS": lambda span: address(span.peer),
    "UPSTREAM_REMOTE_PORT": lambda span: address(span.peer).rpartition(":")[2],
    "UPSTREAM_REQUEST_ATTEMPT_COUNT": lambda span: str(getattr(span.request, "attempt", 0)),
}
_WITH_ARGUMENT: dict[str, Callable[[Span, str], str]] = {
    "START_TIME": lambda span, given: format_time.utc(span.start_ns, given),
    "START_TIME_LOCAL": lambda span, given: format_time.local(span.start_ns, given),
    "EMIT_TIME": lambda span, given: format_time.utc(span.end_ns, given),
    "EMIT_TIME_LOCAL": lambda span, given: format_time.local(span.end_ns, given),
    "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT": _client,
    "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT": _peer,
    "UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT": _called,
    "GRPC_STATUS": _grpc,
    "PATH": _path,
    "QUERY_PARAM": _query_parameter,
    "QUERY_PARAMS": _query,
    "REQUESTED_SERVER_NAME": _server_name,
}
