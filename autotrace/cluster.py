"""Envoy's upstream cluster of a span: who answers the request, or is called."""

from __future__ import annotations

from autotrace.facts import ClientRequest, SideCall
from autotrace.operation import destination
from autotrace.span import Span


def cluster(span: Span) -> tuple[str, str]:
    """The cluster and its observability name, "" where there is none.

    What the span knows, else whom a client calls, else what the configured route of a server span
    names.
    """
    if span.upstream is not None:
        return span.upstream
    request = span.request
    name = ""
    if isinstance(request, ClientRequest):
        name = destination(request)[1]
    elif isinstance(request, SideCall):
        name = request.cluster
    elif span.route_rule is not None:
        name = span.route_rule.cluster
    return name, name
