"""Functions replaced in place, all of an integration or none.

Classes and modules stay the objects they are; what is replaced is a function in them, by a plain
function that keeps the name, signature and attributes of the one it stands for.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from types import ModuleType
from typing import Any

# On the function itself, so that a module which was reloaded is patched again and one that was not
# is left alone, whoever asks and however often.
_MARK = "_autotrace_patch"
_MISSING = object()

Function = Callable[..., Any]


class Patches:
    """A transaction: each replacement can be taken back."""

    def __init__(self) -> None:
        self._done: list[tuple[ModuleType | type, str, object, object]] = []

    def replace(
        self, owner: ModuleType | type, attribute: str, make: Callable[[Any], Function]
    ) -> None:
        """Replace a function of a module or class by what `make` makes of it, once.

        An inherited method is replaced on `owner` only, not on the class that it came from.
        """
        found = _lookup(owner, attribute)
        kind = type(found) if isinstance(found, (staticmethod, classmethod)) else None
        original = found.__func__ if kind else found
        if not callable(original) or isinstance(original, type):
            raise TypeError(f"{owner.__name__}.{attribute} is no function")
        if _MARK in getattr(original, "__dict__", ()):
            return
        new = make(original)
        update_wrapper(new, original)
        setattr(new, _MARK, True)
        stored = kind(new) if kind else new
        self._done.append((owner, attribute, vars(owner).get(attribute, _MISSING), stored))
        setattr(owner, attribute, stored)

    def rollback(self) -> None:
        """Put everything back, the last replacement first."""
        while self._done:
            owner, attribute, before, new = self._done.pop()
            if vars(owner).get(attribute) is not new:
                continue  # somebody else has put theirs around ours since
            if before is _MISSING:
                delattr(owner, attribute)
            else:
                setattr(owner, attribute, before)


def _lookup(owner: ModuleType | type, attribute: str) -> Any:
    """Return an attribute as it is stored, without binding it."""
    for place in owner.__mro__ if isinstance(owner, type) else (owner,):
        if attribute in vars(place):
            return vars(place)[attribute]
    raise AttributeError(f"{owner.__name__} has no {attribute}")
