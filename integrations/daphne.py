"""daphne: the application that its server is made with."""

from __future__ import annotations

from types import ModuleType

from autotrace import integration
from autotrace.integration import Patches
from autotrace.integrations import asgi


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches how the server is made."""
    handed_over = integration.argument("daphne", "application", 0, asgi.handed_over)
    patches.replace(module.Server, "__init__", handed_over)
