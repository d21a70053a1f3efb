"""`multiprocessing.pool.ThreadPool`: each item runs in the context of the code that hands it in."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.integration import Patches
from autotrace.integrations.concurrent_futures import carrying

SITE = integration.site("thread_pool")


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches where work is handed in; a pool of processes would have to pickle it."""
    for name in ("apply_async", "_map_async", "imap", "imap_unordered"):
        patches.replace(module.ThreadPool, name, _handed_in)


def _handed_in(original: Callable[..., Any]) -> Callable[..., Any]:
    def handed_in(self: Any, *args: Any, **kwargs: Any) -> Any:
        if SITE.off or not args:
            return original(self, *args, **kwargs)
        return original(self, carrying(args[0]), *args[1:], **kwargs)

    return handed_in
