"""`queue.Queue`: what a thread takes out of one after its call is over belongs to nobody.

A thread that is started by a request belongs to it. One that goes on as a worker, fed by a queue,
serves others once that request is over, and must neither name it nor keep it.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any
from weakref import ref

from autotrace import integration
from autotrace.integration import CURRENT, Inbound, Patches
from autotrace.integrations import threading

SITE = integration.site("queue")


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches where a thread waits for something to do."""
    patches.replace(module.Queue, "get", _get)


def _get(original: Callable[..., Any]) -> Callable[..., Any]:
    def get(self: Any, *args: Any, **kwargs: Any) -> Any:
        left: Callable[[], Inbound | None] | None = None
        try:
            if CURRENT.get() and not SITE.off:
                left = _leave()
        except Exception as error:
            integration.failed(SITE, error)
        if left is None:
            return original(self, *args, **kwargs)
        try:
            return original(self, *args, **kwargs)
        finally:
            try:
                _return(left)
            except Exception as error:
                integration.failed(SITE, error)

    return get


def _leave() -> Callable[[], Inbound | None] | None:
    """Lets go of the call that has started this thread; how to find it again while it is served."""
    call = integration.served_call()
    if call is None or not threading.is_carried(CURRENT.get()):
        return None
    recorded = call.span is not None
    known = ref(call)
    CURRENT.set(integration.apart())

    def find() -> Inbound | None:
        found = known()
        # The exporter keeps a recorded one for a while.
        return None if found is None or (recorded and found.span is None) else found

    return find


def _return(find: Callable[[], Inbound | None]) -> None:
    call = find()
    if call is not None:
        context = integration.rejoining(call)
        threading.carry(context)
