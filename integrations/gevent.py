"""gevent: greenlets and pool threads run in the context of the code that spawned them.

Each greenlet has context variables of its own, which begin empty. gevent's class for them cannot be
changed, but it calls back whoever wants to know of each that is started.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.integration import CURRENT, Patches
from autotrace.integrations.concurrent_futures import carrying

SITE = integration.site("gevent")


def patch(module: ModuleType, patches: Patches) -> None:
    """Asks to be told of greenlets, and patches where the thread pool is handed a function."""
    if module.__name__ == "gevent.threadpool":
        patches.replace(
            module.ThreadPool, "spawn", integration.argument("gevent", "func", 0, carrying)
        )
    else:
        module.Greenlet.add_spawn_callback(_spawned)


def _spawned(greenlet: Any) -> None:
    try:
        context = CURRENT.get()
        if context and not SITE.off and greenlet.gr_context is None and not _is_thread(greenlet):
            # Only our context travels, never the program's own context variables.
            greenlet.gr_context = carried = contextvars.Context()
            carried.run(CURRENT.set, context)
    except Exception as error:
        integration.failed(SITE, error)


def _is_thread(greenlet: Any) -> bool:
    """Whether it stands for a thread: those are asked for their context when they are started."""
    run: Callable[..., Any] | None = getattr(greenlet, "_run", None)
    return getattr(run, "__module__", None) == "threading"
