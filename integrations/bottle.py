"""Bottle: its entry as a WSGI application, and the rule that matched."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.integration import Patches
from autotrace.integrations import wsgi


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches the application's call and its router."""
    patches.replace(module.Bottle, "__call__", wsgi.entry)
    patches.replace(module.Router, "match", integration.routed("bottle", _route))


def _route(found: tuple[Any, ...], router: object, environ: wsgi.Environ) -> str:
    # Where one application is mounted in another, the rule of the inner one is matched last.
    prefix = environ.get("SCRIPT_NAME", "").rstrip("/")
    return f"{prefix}{found[0].rule}"
