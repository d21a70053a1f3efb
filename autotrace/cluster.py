"""Envoy's upstream cluster of a span: who answers the request, or is called."""

from __future__ import annotations

from autotrace.facts import ClientRequest, SideCall
from autotrace.operation import destination
from autotrace.span import CLIENT, Span


def cluster(span: Span) -> tuple[str, str]:
    """The cluster and its observability name, "" where there is none.

    What the span knows, else what its configured route names, else whom a client calls.
    """
    if span.upstream is not None:
        return span.upstream
    request = span.request
    # The route of the inbound call says nothing of the calls that it causes.
    route = span.outbound_route if span.kind == CLIENT else span.route_rule
    name = route.cluster if route is not None else ""
    if name:
        return name, name
    if isinstance(request, ClientRequest):
        name = destination(request)[1]
    elif isinstance(request, SideCall):
        name = request.cluster
    return name, name
