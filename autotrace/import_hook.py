"""One finder in front of the others: it tells when a module that is waited for was executed.

An unrelated import costs one dictionary lookup. Loaders, specs and modules stay those of Python:
for the time between finding and executing, the loader's `exec_module` is ours, nothing else.
"""

from __future__ import annotations

import sys
from _thread import get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec
    from types import ModuleType


class Finder:
    """Calls `fire` with the name and the module, after each execution of a module in `names`."""

    def __init__(self, names: set[str], fire: Callable[[str, ModuleType], None]) -> None:
        self.names = names
        self.fire = fire
        self._searches: set[tuple[int, str]] = set()

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return what the other finders find, armed, for a name that is waited for."""
        if name not in self.names:
            return None
        search = (get_ident(), name)
        if search in self._searches:
            return None  # another finder asks all of them, as wrapt's does: the first call arms
        self._searches.add(search)
        try:
            spec = self._search(name, path, target)
        finally:
            self._searches.discard(search)
        if spec is not None and spec.loader is not None:
            _arm(spec.loader, name, self)
        return spec

    def _search(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> ModuleSpec | None:
        for finder in list(sys.meta_path):
            find_spec = None if finder is self else getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find_spec(name, path, target) if find_spec else None
            if spec is not None:
                return spec
        return None


class _Execution:
    """Stands for `exec_module` on one loader until the modules it waits for were executed.

    A loader that serves several modules, as zipimport's does, has one for all of them.
    """

    def __init__(self, loader: Loader, finder: Finder) -> None:
        self.loader = loader
        self.finder = finder
        self.names: set[str] = set()
        self.run = loader.exec_module
        self.before = vars(loader).get("exec_module")

    def __call__(self, module: ModuleType) -> None:
        name = module.__name__
        awaited = name in self.names
        self.names.discard(name)
        if not self.names:
            self._leave()
        self.run(module)
        if awaited:
            self.finder.fire(name, module)

    # Python leaves its own frames out of the tracebacks of a failed import and of the stack levels
    # of a warning, by this file name. With a frame of ours between them it would keep them all.
    __call__.__code__ = __call__.__code__.replace(co_filename="<frozen importlib._bootstrap>")

    def _leave(self) -> None:
        """Take ourselves off the loader, before the module's own code could see us."""
        attributes = vars(self.loader)
        if attributes.get("exec_module") is self:
            if self.before is None:
                del self.loader.exec_module
            else:
                self.loader.exec_module = self.before


def _arm(loader: Loader, name: str, finder: Finder) -> None:
    """Have `finder` told when `loader` has executed the module of that name."""
    if isinstance(loader, type) or not hasattr(loader, "exec_module"):
        return  # built-in and frozen modules share one class; load_module is gone since 3.12
    try:
        current = vars(loader).get("exec_module")
        if not isinstance(current, _Execution):
            current = _Execution(loader, finder)
            loader.exec_module = current  # type: ignore[method-assign]
        current.names.add(name)
    except (AttributeError, TypeError):
        return  # a loader without attributes of its own: this module stays as it is


def install(finder: Finder) -> None:
    """Put a finder in front of the others, and fire for what was imported before it came."""
    sys.meta_path.insert(0, finder)
    catch_up(finder, finder.names)


def add(finder: Finder, names: set[str]) -> None:
    """Wait for more modules, and fire for those that were imported before."""
    finder.names |= names
    catch_up(finder, names)


def catch_up(finder: Finder, names: set[str]) -> None:
    """Fire for the modules that are there already."""
    for name in sorted(names.intersection(sys.modules)):
        finder.fire(name, sys.modules[name])


def remove(finder: Finder) -> None:
    """Take a finder out; what it armed stays as Python made it."""
    finder.names.clear()
    if finder in sys.meta_path:
        sys.meta_path.remove(finder)
