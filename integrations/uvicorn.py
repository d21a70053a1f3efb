"""uvicorn raises the signal that stopped it again, with Python's default handler in place.

So the process dies of SIGTERM and nothing registered with `atexit` runs: what was finished is
delivered before.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.integration import Patches


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches the last thing that a server does before it raises the signal."""
    patches.replace(module.Server, "shutdown", _shutdown)


def _shutdown(original: Callable[..., Any]) -> Callable[..., Any]:
    async def shutdown(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return await original(self, *args, **kwargs)
        finally:
            integration.flush()

    return shutdown
