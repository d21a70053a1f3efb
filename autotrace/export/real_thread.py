"""A call that blocks its thread below Python, in a program whose threads are green.

gevent and eventlet make every wait of Python's a switch; gRPC waits in C, where the whole program
would wait with it. Both have real threads for such calls, and only the caller waits.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")


def in_real_thread(call: Callable[[], Result]) -> Result:
    """What the call returns; it is made right here where threads are real ones."""
    # Not imported by us: where nobody has loaded them, nothing is green.
    gevent: Any = sys.modules.get("gevent.monkey")
    if gevent is not None and gevent.is_module_patched("threading"):
        from gevent import get_hub

        result: Result = get_hub().threadpool.apply(call)
        return result
    eventlet: Any = sys.modules.get("eventlet.patcher")
    if eventlet is not None and eventlet.is_monkey_patched("thread"):
        from eventlet import tpool

        executed: Result = tpool.execute(call)
        return executed
    return call()
