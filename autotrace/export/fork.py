"""What a fork means for the pipelines: the child begins anew, and inherits nothing half done."""

from __future__ import annotations

import os
from _thread import allocate_lock, get_ident
from time import monotonic
from typing import TYPE_CHECKING

from autotrace.forks import in_child

if TYPE_CHECKING:
    from _thread import LockType

    from autotrace.export.pipeline import Pipeline

LONGEST_IMPORT = 5.0
LONGEST_CALL = 0.2

# Held while a worker imports what its receiver needs. A fork in the middle of it would leave the
# child with modules that are half there and locked for ever, for the program too.
opening = allocate_lock()

# Held during calls of libraries in C whose child cannot go on when a fork cuts one in the middle,
# by who makes them; and whether that has happened to this process.
_calls: list[LockType] = []
cut = False

_pipelines: list[Pipeline] = []
# The threads that hold `opening` because they are about to fork.
_forking: set[int] = set()
_held: list[LockType] = []


def follow(pipeline: Pipeline) -> None:
    """Sees to it that a fork's child does not send what its parent queued."""
    if not _pipelines and hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_finish_work, after_in_parent=_go_on)
        in_child(_begin_anew)
    _pipelines.append(pipeline)


def uncut() -> LockType:
    """A lock for the calls of one sender, which a fork waits for."""
    lock = allocate_lock()
    _calls.append(lock)
    return lock


def _finish_work() -> None:
    """Lets workers finish what a fork must not cut; bounded, should it take long."""
    if opening.acquire(timeout=LONGEST_IMPORT):
        _forking.add(get_ident())
        deadline = monotonic() + LONGEST_CALL
        for lock in _calls:
            if lock.acquire(timeout=max(0.0, deadline - monotonic())):
                _held.append(lock)


def _go_on() -> None:
    if get_ident() in _forking:
        while _held:
            _held.pop().release()
        _forking.discard(get_ident())
        opening.release()


def _begin_anew() -> None:
    global opening, cut
    cut = cut or len(_held) < len(_calls)
    _held.clear()
    _calls.clear()
    opening = allocate_lock()
    _forking.clear()
    for pipeline in _pipelines:
        pipeline.forget()
