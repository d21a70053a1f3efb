"""Django: its entries as WSGI and ASGI applications, and the route of the view that it resolved.

Nothing here reads Django's settings: a program may configure them later than it imports Django.
`django.test.Client` calls views without an entry, so that tests see what they see without us.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.integration import CURRENT, Context, Patches
from autotrace.integrations import asgi, wsgi

# On a response: what stands for it in the call, until it is closed.
STANDS_IN = "_autotrace_body"


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches the handlers of both protocols, what resolves the view and what answers errors."""
    if module.__name__ == "django.core.handlers.wsgi":
        patches.replace(module.WSGIHandler, "__call__", _entry)
    elif module.__name__ == "django.http.response":
        patches.replace(module.HttpResponseBase, "close", _close)
        patches.replace(module.HttpResponse, "__iter__", _iter)
        patches.replace(module.StreamingHttpResponse, "__iter__", _iter)
    elif module.__name__ == "django.core.handlers.asgi":
        patches.replace(module.ASGIHandler, "__call__", asgi.entry)
    elif module.__name__ == "django.core.handlers.exception":
        raised = integration.raising("django", _error)
        patches.replace(module, "handle_uncaught_exception", raised)
    else:
        resolved = integration.routed("django", _route, _is_lost)
        patches.replace(module.BaseHandler, "resolve_request", resolved)


class _Content:
    """A response of Django as the WSGI call sees it: steps, and an end.

    The call's own body never leaves this module: programs that call a handler by hand, as Django's
    tests do, find a response with all its attributes.
    """

    __slots__ = ("body", "close", "context", "steps")

    body: Any
    close: Callable[[], object]
    context: Context
    steps: Iterator[bytes]

    def __iter__(self) -> Iterator[bytes]:
        return self.steps


def _entry(original: Callable[..., Any]) -> Callable[..., Any]:
    def __call__(self: object, *args: Any, **kwargs: Any) -> Any:
        if len(args) != 2 or kwargs:
            return original(self, *args, **kwargs)
        response: Any = None
        content = _Content()

        def application(*args: Any) -> Iterable[bytes]:
            nonlocal response
            content.context = CURRENT.get()
            response = original(self, *args)
            # Not what a server sends by itself, which is in place of a file's response.
            return content if hasattr(response, "_resource_closers") else response

        body = wsgi.call(application, *args)
        if body is response:
            return response
        if body is not content:
            content.body = body
            response.__dict__[STANDS_IN] = content
        return response

    return __call__


def _iter(original: Callable[..., Iterator[bytes]]) -> Callable[..., Iterator[bytes]]:
    def __iter__(self: Any) -> Iterator[bytes]:
        content: _Content | None = self.__dict__.get(STANDS_IN)
        if content is None:
            return original(self)
        before = CURRENT.get()
        CURRENT.set(content.context)
        try:
            content.steps = original(self)
        finally:
            CURRENT.set(before)
        return iter(content.body)

    # Django warns its caller of asynchronous steps below WSGI, and warnings skip frames of this
    # name (see `import_hook`).
    __iter__.__code__ = __iter__.__code__.replace(co_filename="<frozen importlib._bootstrap>")
    return __iter__


def _close(original: Callable[..., object]) -> Callable[..., object]:
    def close(self: Any, *args: Any, **kwargs: Any) -> object:
        content: _Content | None = self.__dict__.pop(STANDS_IN, None)
        if content is None:
            return original(self, *args, **kwargs)
        content.close = lambda: original(self, *args, **kwargs)
        return content.body.close()

    return close


def _error(request: object, resolver: object, exc_info: Any) -> BaseException | None:
    error: BaseException | None = exc_info[1]
    return error


def _is_lost(error: BaseException) -> bool:
    return type(error).__name__ == "Resolver404"


def _route(match: Any, handler: object, request: Any) -> str:
    # The patterns of all includes, joined by Django; that of its root is empty.
    return match.route or "/"
