"""Access logs of gunicorn and werkzeug, which are written when the application has returned.

Their lines belong to the call too, so its context is current once more while one is written.
(uvicorn and hypercorn write theirs while the application is still sending.)
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.integration import CURRENT, Context, Inbound, Patches
from autotrace.integrations import wsgi

SITE = integration.site("access_log")
# On gunicorn's response: the context in which it was begun, for the line about it.
_BEGUN = "_autotrace_context"


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches where a server writes the line of a request."""
    if module.__name__ == "gunicorn.http.wsgi":
        patches.replace(module.Response, "start_response", _start_response)
    elif module.__name__ == "gunicorn.glogging":
        patches.replace(module.Logger, "access", _within(_of_response))
    else:
        patches.replace(module.WSGIRequestHandler, "log", _within(_of_handler))


def _start_response(original: Callable[..., Any]) -> Callable[..., Any]:
    def start_response(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            context = CURRENT.get()
            if context and not SITE.off:
                setattr(self, _BEGUN, context)
        except Exception as error:
            integration.failed(SITE, error)
        return original(self, *args, **kwargs)

    return start_response


def _of_response(logger: Any, response: Any = None, *more: Any, **named: Any) -> Context | None:
    return getattr(response, _BEGUN, None)


def _of_handler(handler: Any, *more: Any, **named: Any) -> Context | None:
    # The handler of a kept connection has the environ of its last request.
    call = (getattr(handler, "environ", None) or {}).get(wsgi.MARK)
    return integration.serving(call) if isinstance(call, Inbound) else None


def _within(find: Callable[..., Context | None]) -> Callable[..., Any]:
    """Runs a function in the context that its arguments lead to."""

    def around(original: Callable[..., Any]) -> Callable[..., Any]:
        def written(*args: Any, **kwargs: Any) -> Any:
            context = None
            try:
                context = None if SITE.off else find(*args, **kwargs)
            except Exception as error:
                integration.failed(SITE, error)
            if context is None:
                return original(*args, **kwargs)
            before = CURRENT.get()
            CURRENT.set(context)
            try:
                return original(*args, **kwargs)
            finally:
                CURRENT.set(before)

        return written

    return around
