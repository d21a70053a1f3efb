"""Vectors of span fields and log events: the span is made of facts and read."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from autotrace import grpc_status
from autotrace.custom_tags import CustomTags
from autotrace.facts import ClientRequest, GrpcRequest, ServerRequest, Stream
from autotrace.response_flags import LONG_NAMES
from autotrace.span import CLIENT, SERVER, Span
from autotrace.tags import Reading
from tests.vectors.registry import Given, Outcome, known, op

CODES = {name: code for code, name in LONG_NAMES.items()}


def span(kind: int, request: Any, reading: Reading, headers: Any = None) -> Span:
    """A span with a request, and the headers of the inbound call."""
    arrived = known(headers)
    call = SimpleNamespace(
        request_id=arrived.get("x-request-id", ""), known=arrived, route_rule=None
    )
    made = Span(kind, "1" * 32, "2" * 16, "3" * 16, "", call, reading, lambda span: None)
    made.request = request
    return made


def reading(config: Given) -> Reading:
    """How a vector's configuration reads spans."""
    return Reading(
        node_id=config.get("node_id", ""),
        zone=config.get("zone", ""),
        max_path_length=config.get("max_path_tag_length", 256),
        custom=CustomTags(config.get("custom_tags", ())),
        verbose=config.get("verbose", False),
    )


def server_request(headers: Any, stream: Given) -> ServerRequest:
    """What an integration tells of a request with these headers; null: its head never arrived."""
    found = known(headers)
    get = found.get
    content_type = get("content-type", "")
    peer = address(stream.get("remote")) or ""
    grpc = grpc_status.is_request(content_type, get(":path", ""))
    request = (GrpcRequest if grpc else ServerRequest)(
        get(":method", ""),
        get(":scheme", ""),
        get(":authority", ""),
        get(":path", ""),
        stream.get("protocol") or "",
        peer if isinstance(peer, str) else peer[0],
        get("user-agent", ""),
        stream.get("bytes_received", 0),
        get("x-envoy-downstream-service-cluster", ""),
        get("x-envoy-original-path", ""),
    )
    if isinstance(request, GrpcRequest):
        request.content_type = content_type
        request.timeout = get("grpc-timeout")
    return request


def address(text: str | None) -> tuple[str, int] | str | None:
    """A socket's address as Python has it: of a Unix socket its name."""
    host, colon, port = (text or "").rpartition(":")
    return (host.strip("[]"), int(port)) if colon and port.isdigit() else text


def respond(made: Span, response: Given, stream: Given) -> None:
    """Tells a span of its response and its upstream."""
    made.status = response.get("code") or 0
    made.response_size = stream.get("bytes_sent", 0)
    made.flags = tuple(CODES[name] for name in stream.get("response_flags", ()))
    for part in ("headers", "trailers"):
        grpc_status.note(made, known(response.get(part)))
    upstream = stream.get("upstream") or {}
    if "cluster" in upstream:
        cluster = upstream["cluster"]
        made.upstream = (cluster, upstream.get("observability_name", cluster))


@op("tags.downstream")
def tags_downstream(given: Given) -> Outcome:
    headers, stream = given["request"]["headers"], given.get("stream", {})
    made = span(SERVER, server_request(headers, stream), reading(given.get("config", {})), headers)
    made.client_trace_id = known(headers).get("x-client-trace-id")
    respond(made, given.get("response", {}), stream)
    return {"tags": dict(made.tags())}


@op("tags.upstream")
def tags_upstream(given: Given) -> Outcome:
    stream = given.get("stream", {})
    request = ClientRequest("", "", "", None, "/")
    made = span(CLIENT, request, reading(given.get("config", {})))
    made.protocol = stream.get("protocol") or ""
    made.peer = address((stream.get("upstream") or {}).get("address"))
    respond(made, given.get("response", {}), stream)
    return {"tags": dict(made.tags())}


@op("tags.generic")
def tags_generic(given: Given) -> Outcome:
    stream = given.get("stream", {})
    kind = CLIENT if given["span"] == "upstream" else SERVER
    made = span(kind, Stream(address(stream.get("remote"))), reading(given.get("config", {})))
    made.peer = address((stream.get("upstream") or {}).get("address"))
    respond(made, {}, stream)
    return {"tags": dict(made.tags())}


@op("logs.verbose")
def logs_verbose(given: Given) -> Outcome:
    made = span(SERVER, server_request({}, {}), reading(given["config"]))
    made.start_ns = given["start_us"] * 1000
    made.instants = {name: offset * 1000 for name, offset in given["offsets_us"].items()}
    return {"events": [[event.time_ns // 1000, event.name] for event in made.events]}
