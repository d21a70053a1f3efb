"""Litestar: its entry as an ASGI application, and the route that handles the request."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.integration import Patches
from autotrace.integrations import asgi


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches the application's call, and where a route is handed the request."""
    if module.__name__ == "litestar.app":
        patches.replace(module.Litestar, "__call__", asgi.entry)
        return
    for name in ("HTTPRoute", "WebSocketRoute"):
        if name in vars(module):
            # What comes back is a coroutine that has not begun.
            patches.replace(getattr(module, name), "handle", integration.routed("litestar", _path))


def _path(begun: object, route: Any, *args: Any) -> str | None:
    path: str | None = route.path_format
    return path
