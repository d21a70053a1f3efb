"""Pyramid: its entry as a WSGI application, and the pattern that matched.

What is found by traversal has no pattern.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.integration import Patches
from autotrace.integrations import wsgi


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches the router's call, and the mapper of its routes."""
    if module.__name__ == "pyramid.router":
        patches.replace(module.Router, "__call__", wsgi.entry)
        patches.replace(module, "_call_view", integration.routed("pyramid", _view))
    else:
        mapped = integration.routed("pyramid", _route)
        patches.replace(module.RoutesMapper, "__call__", mapped)


def _view(response: object, *args: Any) -> str | None:
    return integration.NO_ROUTE if response is None else None


def _route(found: dict[str, Any], mapper: object, request: Any) -> str | None:
    route = found["route"]
    # A subrequest is mapped too, and its environ is its own.
    if route is None or wsgi.MARK not in request.environ:
        return None
    pattern: str = route.pattern
    return pattern if pattern.startswith("/") else f"/{pattern}"
