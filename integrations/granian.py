"""granian: where its workers, in whatever processes or threads, wrap the application."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.integration import Patches
from autotrace.integrations import asgi, wsgi

SITE = integration.site("granian")


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches the wrappers, under the names that the workers know them by too."""
    for name in ("_asgi_call_wrap", "_wsgi_call_wrap"):
        if hasattr(module, name):
            patches.replace(module, name, _asgi if name[1] == "a" else _wsgi)
    if hasattr(module, "_callback_wrapper"):
        patches.replace(
            module, "_callback_wrapper", _asgi if module.__name__ == "granian.asgi" else _wsgi
        )


def _asgi(original: Callable[..., Any]) -> Callable[..., Any]:
    return _wrapping(original, asgi.handed_over)


def _wsgi(original: Callable[..., Any]) -> Callable[..., Any]:
    return _wrapping(original, wsgi.handed_over)


def _wrapping(
    original: Callable[..., Any], handed_over: Callable[[Any], Any]
) -> Callable[..., Any]:
    def wrapped(callback: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            if not SITE.off:
                callback = handed_over(callback)
        except Exception as error:
            integration.failed(SITE, error)
        return original(callback, *args, **kwargs)

    return wrapped
