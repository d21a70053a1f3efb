"""uWSGI's decorators, of which one takes the hook by which its workers are told of their fork."""

from __future__ import annotations

from types import ModuleType

from autotrace import integration
from autotrace.integration import Patches


def patch(module: ModuleType, patches: Patches) -> None:
    """Stands in front of the hook again, which calls the program's own functions."""
    integration.follow_uwsgi()
