"""What a fork means for the pipelines: the child begins anew, and inherits nothing half done."""

from __future__ import annotations

import os
from _thread import allocate_lock, get_ident
from typing import TYPE_CHECKING

from autotrace.forks import in_child

if TYPE_CHECKING:
    from autotrace.export.pipeline import Pipeline

LONGEST_IMPORT = 5.0

# Held while a worker imports what its receiver needs. A fork in the middle of it would leave the
# child with modules that are half there and locked for ever, for the program too.
opening = allocate_lock()

_pipelines: list[Pipeline] = []
# The threads that hold `opening` because they are about to fork.
_forking: set[int] = set()


def follow(pipeline: Pipeline) -> None:
    """Sees to it that a fork's child does not send what its parent queued."""
    if not _pipelines and hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_finish_imports, after_in_parent=_go_on)
        in_child(_begin_anew)
    _pipelines.append(pipeline)


def _finish_imports() -> None:
    """Lets a worker that is importing come to its end; bounded, should an import hang."""
    if opening.acquire(timeout=LONGEST_IMPORT):
        _forking.add(get_ident())


def _go_on() -> None:
    if get_ident() in _forking:
        _forking.discard(get_ident())
        opening.release()


def _begin_anew() -> None:
    global opening
    opening = allocate_lock()
    _forking.clear()
    for pipeline in _pipelines:
        pipeline.forget()
