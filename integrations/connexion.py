"""Connexion: its entries as ASGI applications; routes are told by the framework below."""

from __future__ import annotations

from types import ModuleType

from autotrace.integration import Patches
from autotrace.integrations import asgi


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches the call of its middleware, which every application of it is."""
    patches.replace(module.ConnexionMiddleware, "__call__", asgi.entry)
