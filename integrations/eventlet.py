"""eventlet: green threads and pool threads run in the context of the code that spawned them."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.integration import CURRENT, Patches
from autotrace.integrations.concurrent_futures import carrying

SITE = integration.site("eventlet")


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches where green threads are made, and where a thread is handed a function."""
    if module.__name__ == "eventlet.tpool":
        patches.replace(module, "execute", _execute)
    else:
        patches.replace(module.GreenThread, "__init__", _init)
        patches.replace(module, "_spawn_n", _spawn_n)


def _init(original: Callable[..., None]) -> Callable[..., None]:
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        _carry(self)

    return __init__


def _spawn_n(original: Callable[..., Any]) -> Callable[..., Any]:
    def _spawn_n(*args: Any, **kwargs: Any) -> Any:
        timer, greenlet = original(*args, **kwargs)
        _carry(greenlet)
        return timer, greenlet

    return _spawn_n


def _carry(greenlet: Any) -> None:
    """Gives our context to a greenlet that has not begun, and none of the program's variables."""
    try:
        context = CURRENT.get()
        if context and not SITE.off and greenlet.gr_context is None:
            greenlet.gr_context = carried = contextvars.Context()
            carried.run(CURRENT.set, context)
    except Exception as error:
        integration.failed(SITE, error)


def _execute(original: Callable[..., Any]) -> Callable[..., Any]:
    def execute(*args: Any, **kwargs: Any) -> Any:
        if args and not SITE.off:
            return original(carrying(args[0]), *args[1:], **kwargs)
        return original(*args, **kwargs)

    return execute
