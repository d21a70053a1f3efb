"""Vectors of decorators: what names a span, and what messages tell of it."""

from __future__ import annotations

from typing import Any

from autotrace import decorator
from autotrace.facts import ClientRequest
from autotrace.naming import Naming
from autotrace.operation import is_egress
from autotrace.provider.opentelemetry import span_name
from autotrace.span import CLIENT, SERVER
from autotrace.tags import Reading
from tests.vectors.ops_tags import server_request, span
from tests.vectors.registry import Given, Outcome, op

Headers = dict[str, Any]


@op("decorator.flow")
def decorator_flow(given: Given) -> Outcome:
    egress = given.get("direction") == "egress" or is_egress(given.get("traffic_direction", ""))
    route = given.get("route_decorator") or {}
    named = (route.get("operation", ""), route.get("propagate", True))
    request, response = dict(given["request_headers"]), dict(given["response_headers"])
    config = given.get("config", {})
    formats = (config.get("operation", ""), config.get("operation", ""))
    formatted = bool(formats[0])
    reading = Reading(naming=Naming(*formats, substitute=span_name))
    if egress:
        made = span(CLIENT, _client_request(request), reading, request)
        # Nothing caused it: it is the span of the listener.
        made.parent_id = ""
        _tell(request, decorator.told(*named, formatted))
        made.operation = decorator.answered(named[0], response.pop(decorator.HEADER, None))
    else:
        made = span(SERVER, server_request(request, {}), reading, request)
        header = request.pop(decorator.HEADER, None)
        made.operation, echo = decorator.served(*named, header, formatted)
        _tell(response, echo)
    return {
        "operation": made.name if given.get("active_span", True) else None,
        "upstream_request": {"headers": request},
        "downstream_response": {"headers": response},
    }


def _client_request(headers: Headers) -> ClientRequest:
    host, colon, port = headers.get(":authority", "").rpartition(":")
    return ClientRequest(
        headers.get(":method", ""),
        headers.get(":scheme", ""),
        host if colon else port,
        int(port) if colon else None,
        headers.get(":path", "/"),
    )


def _tell(headers: Headers, operation: str) -> None:
    if operation:
        headers[decorator.HEADER] = operation
