"""Litestar: its entry as an ASGI application, and the route that handles the request."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.integration import Patches
from autotrace.integrations import asgi


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches the application's call, and where a route is looked for and handed the request."""
    if module.__name__ == "litestar.app":
        patches.replace(module.Litestar, "__call__", asgi.entry)
        return
    if module.__name__ == "litestar._asgi.asgi_router":
        routing = integration.routed("litestar", _unknown, _is_lost)
        patches.replace(module, "parse_path_to_route", routing)
        return
    for name in ("HTTPRoute", "WebSocketRoute"):
        if name in vars(module):
            # What comes back is a coroutine that has not begun.
            patches.replace(getattr(module, name), "handle", integration.routed("litestar", _path))


def _unknown(found: object, *args: Any) -> None:
    return None


def _is_lost(error: BaseException) -> bool:
    return type(error).__name__ == "NotFoundException"


def _path(begun: object, route: Any, *args: Any) -> str | None:
    path: str | None = route.path_format
    return path
