"""Django: its entries as WSGI and ASGI applications, and the route of the view that it resolved.

Nothing here reads Django's settings: a program may configure them later than it imports Django.
`django.test.Client` calls views without an entry, so that tests see what they see without us.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.integration import Patches
from autotrace.integrations import asgi, wsgi


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches the handlers of both protocols, and what they resolve the view by."""
    if module.__name__ == "django.core.handlers.wsgi":
        patches.replace(module.WSGIHandler, "__call__", wsgi.entry)
    elif module.__name__ == "django.core.handlers.asgi":
        patches.replace(module.ASGIHandler, "__call__", asgi.entry)
    else:
        resolved = integration.routed("django", _route)
        patches.replace(module.BaseHandler, "resolve_request", resolved)


def _route(match: Any, handler: object, request: Any) -> str:
    # The patterns of all includes, joined by Django; that of its root is empty.
    return match.route or "/"
