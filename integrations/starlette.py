"""Starlette: its entry as an ASGI application, and the route that it found, through all mounts."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.facts import ServerRequest
from autotrace.integration import Inbound, Patches
from autotrace.integrations import asgi

SITE = integration.site("starlette")
# What a mount's template ends in, in place of the path within it.
_REST = "/{path}"


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches the application's call, and where a route is handed the request, or none is found."""
    if module.__name__ == "starlette.applications":
        patches.replace(module.Starlette, "__call__", asgi.entry)
        return
    for kind in (module.Route, module.WebSocketRoute, module.Mount):
        patches.replace(kind, "handle", _handle)
    patches.replace(module.Router, "not_found", integration.routed("starlette", _nothing))


def _handle(original: Callable[..., Any]) -> Callable[..., Any]:
    # The coroutine is the original's own: awaiting it costs nothing more.
    def handle(self: Any, scope: Any, receive: Any, send: Any) -> Any:
        try:
            # Of what is not recorded nothing is to be told, and most of it is not.
            call = scope.get(asgi.MARK)
            if call is not None and call.span is not None and not SITE.off:
                found(call, self)
        except Exception as error:
            integration.failed(SITE, error)
        return original(self, scope, receive, send)

    return handle


def _nothing(begun: object, *args: Any) -> str:
    return integration.NO_ROUTE


def found(call: Inbound, route: Any) -> None:
    """Tells a call that is recorded of a route, below the mounts that were found before."""
    if call.span is None:
        return
    request = call.span.request
    if isinstance(request, ServerRequest):
        above = request.route.removesuffix(_REST)
        integration.tell_route(call.span, above + route.path_format)
