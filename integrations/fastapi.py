"""FastAPI: its entry as an ASGI application, and the routes of the routers that it includes.

It makes server spans of its own where the program has set an OpenTelemetry provider: with that
provider, and so that they are found below our span. Where none is set it makes none.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.integration import Patches
from autotrace.integrations import asgi, starlette

SITE = integration.site("fastapi")


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches the application's call, and routes where they do without Starlette's method."""
    if module.__name__ == "fastapi.applications":
        patches.replace(module.FastAPI, "__call__", asgi.entry)
        return
    if module.__name__ == "fastapi.telemetry._asgi":
        patches.replace(module._HeadersGetter, "get", _get)
        return
    # The routes of an included router stay what they are in newer versions, and are matched by a
    # context that knows the prefix.
    effective = getattr(module, "_get_scope_effective_route_context", None)
    if effective is not None and "handle" in vars(module.APIRoute):
        patches.replace(module.APIRoute, "handle", lambda original: _handle(original, effective))


def _handle(original: Callable[..., Any], effective: Callable[[Any], Any]) -> Callable[..., Any]:
    def handle(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            call = args[0].get(asgi.MARK) if args else None
            if call is not None and call.span is not None and not SITE.off:
                context = effective(args[0])
                if context is not None and context.original_route is self:
                    starlette.found(call, context)
        except Exception as error:
            integration.failed(SITE, error)
        return original(self, *args, **kwargs)

    return handle


def _get(original: Callable[..., Any]) -> Callable[..., Any]:
    """What its telemetry reads of a request's headers, to find the parent of its span."""

    def get(self: Any, carrier: Any, key: str) -> Any:
        try:
            call = None if SITE.off or key != "traceparent" else integration.served_call()
            if call is not None and call.span is not None:
                return [f"00-{call.span.trace_id:0>32}-{call.span.span_id}-01"]
        except Exception as error:
            integration.failed(SITE, error)
        return original(self, carrier, key)

    return get
