"""Falcon: its entries as WSGI and ASGI applications, and the template of the URI that it routed by."""

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


def _route(found: tuple[Any, ...], app: object, request: object) -> str | None:
    template: str | None = found[3]
    return template
