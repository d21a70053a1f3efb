"""How spans are named by the configuration: a format, else a decorator, else a default."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from autotrace import operation as op
from autotrace.cluster import cluster
from autotrace.facts import ClientRequest, Message, ServerRequest, SideCall
from autotrace.span import CLIENT, Span

if TYPE_CHECKING:
    from autotrace.format_string import Render
    from autotrace.span import Route

# A tracer's name for what nobody named: of kind, Envoy's name, host and path.
Substitute = Callable[[int, str, str, str], str]
# The formats of server spans and of client spans.
Formats = tuple["Render | None", "Render | None"]


class Naming:
    """The configured names. Formats are made ready once, a route's in place of the general ones.

    Without a `substitute` a span that nobody named is named by the host that was asked for.
    """

    def __init__(
        self,
        operation: str = "",
        upstream_operation: str = "",
        routes: Iterable[Route] = (),
        substitute: Substitute | None = None,
        configured: Mapping[str, Any] | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        def ready(text: str) -> Render | None:
            if not text:
                return None
            from autotrace.format_string import made_ready

            return made_ready(text, environ, configured or {})

        self._formats: Formats = (ready(operation), ready(upstream_operation))
        # By identity, as for custom tags.
        self._of_routes: dict[int, tuple[Route, Formats]] = {
            id(route): (
                route,
                (
                    ready(route.operation) or self._formats[0],
                    ready(route.upstream_operation) or self._formats[1],
                ),
            )
            for route in routes
            if route.operation or route.upstream_operation
        }
        self._unformatted = not (any(self._formats) or self._of_routes)
        self._substitute = substitute

    def name(self, span: Span) -> str:
        """The name of a span; with a format, decorators have no effect."""
        if self._unformatted:
            return span.operation or self._default(span)
        formats = self._formats
        if self._of_routes:
            route = span.route_rule
            formats = self._of_routes.get(id(route), (route, formats))[1]
        render = formats[span.kind == CLIENT]
        if render is not None:
            return render(span) or self._default(span)
        return span.operation or self._default(span)

    def _default(self, span: Span) -> str:
        request = span.request
        if isinstance(request, SideCall):
            return op.side_operation(request.cluster)
        if isinstance(request, Message):
            return request.name or request.destination or request.system
        if isinstance(request, ServerRequest):
            if self._substitute is None:
                return op.server_operation(request)
            name, host = op.default_operation(False, request.host), request.host
        elif isinstance(request, ClientRequest):
            host = op.client_operation(request)
            if self._substitute is None:
                return host
            # One that no request caused is what Envoy's listener of outbound calls sees; any other
            # is an attempt of Envoy's router.
            caused = bool(span.parent_id)
            name = (
                op.attempt_operation(cluster(span)[1])
                if caused
                else op.default_operation(True, host)
            )
        else:
            return ""
        return self._substitute(span.kind, name, host, op.origin_form(request.target))
