"""`threading.Thread` and `Timer`: what a request starts belongs to it.

Only our context travels, never the program's own context variables. Workers of an executor are
left out: they outlive the request that happened to start them, and their items carry their own.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from types import ModuleType
from typing import Any
from weakref import ref

from autotrace import integration
from autotrace.integration import CURRENT, Context, Patches

SITE = integration.site("threading")
_CARRIED = "_autotrace_context"
# Where the functions, or the classes, of pools' workers come from.
_POOLS = frozenset(
    (
        *("concurrent.futures.thread", "multiprocessing.pool"),
        *("anyio._backends._asyncio", "trio._core._thread_cache"),
    )
)
# In a thread: what it was started with.
_given: ContextVar[Callable[[], Context | None]] = ContextVar("autotrace_given")


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches where a thread is started and where it begins to run."""
    patches.replace(module.Thread, "start", _start)
    patches.replace(module.Thread, "_bootstrap_inner", _bootstrap_inner)


def _start(original: Callable[..., None]) -> Callable[..., None]:
    def start(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            context = CURRENT.get()
            if context and not SITE.off and not _is_pool_worker(self):
                self.__dict__[_CARRIED] = context
        except Exception as error:
            integration.failed(SITE, error)
        return original(self, *args, **kwargs)

    return start


def _is_pool_worker(thread: Any) -> bool:
    target = getattr(thread, "_target", None)
    return getattr(target, "__module__", "") in _POOLS or type(thread).__module__ in _POOLS


def _bootstrap_inner(original: Callable[..., None]) -> Callable[..., None]:
    def _bootstrap_inner(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            context = self.__dict__.pop(_CARRIED, None)
            if context is not None:
                carry(context)
                del context
        except Exception as error:
            integration.failed(SITE, error)
        return original(self, *args, **kwargs)

    return _bootstrap_inner


def carry(context: Context) -> None:
    """Makes a context current in a thread that belongs to it as a whole."""
    CURRENT.set(context)
    _given.set(ref(context))


def is_carried(context: Context) -> bool:
    """Whether a thread was started with this very context."""
    given = _given.get(None)
    return given is not None and given() is context
