"""WSGI applications below ASGI ones: the adapters that make an environ of a scope.

The call is known already, by the mark in the scope; in the environ it keeps the WSGI application
from being another one.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.integration import Patches
from autotrace.integrations import asgi, wsgi

SITE = integration.site("wsgi_in_asgi")


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches the function that makes the environ."""
    owner = getattr(module, "WsgiToAsgiInstance", module)
    name = "_build_environ" if hasattr(module, "_build_environ") else "build_environ"
    patches.replace(owner, name, _build_environ)


def _build_environ(original: Callable[..., Any]) -> Callable[..., Any]:
    def build_environ(*args: Any, **kwargs: Any) -> Any:
        environ = original(*args, **kwargs)
        try:
            if not SITE.off:
                # The scope comes first, after self where it is a method.
                scope = next((each for each in args if isinstance(each, dict)), {})
                if asgi.MARK in scope:
                    environ[wsgi.MARK] = scope[asgi.MARK]
        except Exception as error:
            integration.failed(SITE, error)
        return environ

    return build_environ
