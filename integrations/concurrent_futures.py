"""`ThreadPoolExecutor`: each item runs in the context of the code that submitted it.

`map`, and asyncio's `run_in_executor` and `to_thread`, submit through it.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.integration import CURRENT, Patches

SITE = integration.site("concurrent_futures")


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches where work is submitted."""
    patches.replace(module.ThreadPoolExecutor, "submit", _submit)


def _submit(original: Callable[..., Any]) -> Callable[..., Any]:
    def submit(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        if not CURRENT.get() or SITE.off or not args:
            # Most often a server's own work: there is nothing to carry.
            return original(self, *args, **kwargs)
        return original(self, carrying(args[0]), *args[1:], **kwargs)

    return submit


def carrying(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, to be run in the context of here and now by a thread of a pool."""
    context = CURRENT.get()
    if not context:
        return function

    def carried(*args: Any, **kwargs: Any) -> Any:
        before = CURRENT.get()
        CURRENT.set(context)
        try:
            return function(*args, **kwargs)
        finally:
            # The worker goes on to other items and must keep nothing of this one.
            CURRENT.set(before)

    return carried
