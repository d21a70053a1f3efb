"""eventlet's WSGI server."""

from __future__ import annotations

from types import ModuleType

from autotrace import integration
from autotrace.integration import Patches
from autotrace.integrations import wsgi


def patch(module: ModuleType, patches: Patches) -> None:
    """Hands the application over wrapped when a server is made."""
    init = integration.argument("eventlet_wsgi", "app", 2, wsgi.handed_over)
    patches.replace(module.Server, "__init__", init)
