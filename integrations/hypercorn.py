"""hypercorn: where it hands a request to the application, of either protocol."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from autotrace.integration import Patches
from autotrace.integrations import asgi


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches what it puts around every application."""
    for wrapper in (module.ASGIWrapper, module.WSGIWrapper):
        patches.replace(wrapper, "__call__", _call)


def _call(original: Callable[..., Any]) -> Callable[..., Any]:
    def __call__(self: Any, scope: Any, receive: Any, send: Any, *others: Any) -> Any:
        def application(*args: Any) -> Any:
            return original(self, *args, *others)

        return asgi.call(application, scope, receive, send, eager=True)

    return __call__
