"""What has to be done anew in a fork's child, also where Python is not told of the fork.

uWSGI forks in C and leaves Python's own hooks out, unless asked for them. What it calls instead is
`uwsgi.post_fork_hook`, of which there is one: the program's goes on being called, after ours.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

_functions: list[Callable[[], object]] = []


def in_child(function: Callable[[], object]) -> None:
    """Calls a function in every child that is forked from now on."""
    if not _functions:
        os.register_at_fork(after_in_child=_begin_anew)
        follow_uwsgi()
    _functions.append(function)


def follow_uwsgi() -> None:
    """Has uWSGI's workers begin anew too, if this is a process of its own."""
    uwsgi = sys.modules.get("uwsgi")
    # A module of that name may be somebody else's.
    if uwsgi is None or not hasattr(uwsgi, "worker_id"):
        return
    theirs = getattr(uwsgi, "post_fork_hook", None)

    def post_fork_hook() -> None:
        _begin_anew()
        if theirs is not None:
            theirs()

    uwsgi.post_fork_hook = post_fork_hook  # type: ignore[attr-defined]


def _begin_anew() -> None:
    for function in _functions:
        function()
