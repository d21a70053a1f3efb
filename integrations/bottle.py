"""Bottle: its entry as a WSGI application, and the rule that matched."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.integration import Patches
from autotrace.integrations import wsgi

_NOT_FOUND = 404


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches the application's call, its router, and what makes a body of answers and errors."""
    patches.replace(module.Bottle, "__call__", wsgi.entry)
    patches.replace(module.Router, "match", integration.routed("bottle", _route, _is_lost))

    def error(app: object, out: Any, *more: Any) -> BaseException | None:
        return out.exception if isinstance(out, module.HTTPError) else None

    patches.replace(module.Bottle, "_cast", integration.raising("bottle", error))


def _is_lost(error: BaseException) -> bool:
    return getattr(error, "status_code", None) == _NOT_FOUND


def _route(found: tuple[Any, ...], router: object, environ: wsgi.Environ) -> str:
    # Where one application is mounted in another, the rule of the inner one is matched last.
    prefix = environ.get("SCRIPT_NAME", "").rstrip("/")
    return f"{prefix}{found[0].rule}"
