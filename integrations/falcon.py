"""Falcon: its entries as WSGI and ASGI applications, and the template that it routed by."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.integration import Patches
from autotrace.integrations import asgi, wsgi


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches the application's call, and what looks for the responder in both protocols."""
    if module.__name__ == "falcon.asgi.app":
        patches.replace(module.App, "__call__", asgi.entry)
    else:
        patches.replace(module.App, "__call__", wsgi.entry)
        patches.replace(module.App, "_get_responder", integration.routed("falcon", _route))
    raised = integration.raising("falcon", _error)
    patches.replace(module.App, "_python_error_handler", raised)


def _error(
    app: object, request: object, response: object, error: BaseException, *more: Any, **named: Any
) -> BaseException:
    return error


def _route(found: tuple[Any, ...], app: object, request: object) -> str | None:
    template: str | None = found[3]
    # In place of a responder of the program's, or of what serves below a prefix.
    missing = not template and getattr(found[0], "__name__", "").startswith("path_not_found")
    return integration.NO_ROUTE if missing else template
