"""gunicorn: the workers that call an application (sync, gthread, the greenlet ones, and ASGI's)."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.integration import Patches
from autotrace.integrations import asgi, wsgi

SITE = integration.site("gunicorn")
# Worker classes of other protocols are handed an ASGI application by the same method.
_WSGI_WORKERS = frozenset(
    ("gunicorn.workers.sync", "gunicorn.workers.gthread", "gunicorn.workers.base_async")
)


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches the method that loads the application into a worker."""
    if module.__name__ == "gunicorn.workers.gasgi":
        patches.replace(module.ASGIWorker, "load_wsgi", _load_asgi)
    else:
        patches.replace(module.Worker, "load_wsgi", _load_wsgi)


def _load_wsgi(original: Callable[..., Any]) -> Callable[..., Any]:
    def load_wsgi(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(self, *args, **kwargs)
        try:
            if not SITE.off and any(c.__module__ in _WSGI_WORKERS for c in type(self).__mro__):
                self.wsgi = wsgi.handed_over(self.wsgi)
        except Exception as error:
            integration.failed(SITE, error)
        return result

    return load_wsgi


def _load_asgi(original: Callable[..., Any]) -> Callable[..., Any]:
    def load_wsgi(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(self, *args, **kwargs)
        try:
            if not SITE.off:
                self.asgi = asgi.handed_over(self.asgi)
        except Exception as error:
            integration.failed(SITE, error)
        return result

    return load_wsgi
