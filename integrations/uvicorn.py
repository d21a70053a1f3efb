"""uvicorn: where its protocols hand a request to the application, and its end.

When a signal has stopped it, it raises that signal again with Python's default handler in place. So
the process dies of SIGTERM and nothing registered with `atexit` runs: what was finished is
delivered before.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.integration import Patches
from autotrace.integrations import asgi

SITE = integration.site("uvicorn")


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches the server's end, or the method of a protocol that calls the application."""
    if module.__name__ == "uvicorn.server":
        patches.replace(module.Server, "shutdown", _shutdown)
    elif hasattr(module, "RequestResponseCycle"):
        patches.replace(module.RequestResponseCycle, "run_asgi", _run_http)
    else:
        for found in list(vars(module).values()):
            if isinstance(found, type) and "run_asgi" in vars(found):
                patches.replace(found, "run_asgi", _run_websocket)


def _run_http(original: Callable[..., Any]) -> Callable[..., Any]:
    def run_asgi(self: Any, app: Any, *args: Any, **kwargs: Any) -> Any:
        if SITE.off:
            return original(self, app, *args, **kwargs)

        def has_left() -> bool:
            # A send to a client that has left does nothing, and says nothing either.
            return bool(self.disconnected)

        def handed(scope: Any, receive: Any, send: Any) -> Any:
            return asgi.call(app, scope, receive, send, True, has_left)

        return original(self, handed, *args, **kwargs)

    return run_asgi


def _run_websocket(original: Callable[..., Any]) -> Callable[..., Any]:
    def run_asgi(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not SITE.off:
            self.app = partial(asgi.call, self.app)
        return original(self, *args, **kwargs)

    return run_asgi


def _shutdown(original: Callable[..., Any]) -> Callable[..., Any]:
    async def shutdown(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return await original(self, *args, **kwargs)
        finally:
            integration.flush()

    return shutdown
