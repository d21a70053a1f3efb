"""The finder tells of executions and changes nothing that a program can see."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
import threading
import warnings
import zipfile
from collections.abc import Callable, Iterator
from importlib import resources
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader, SourcelessFileLoader
from pathlib import Path
from py_compile import compile as compile_file
from types import ModuleType
from typing import Any

import pytest

from autotrace import import_hook
from autotrace.import_hook import Finder

Waiting = Callable[..., list[str]]


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Waiting]:
    """Install a finder for some names and return the list of names that it told."""
    monkeypatch.syspath_prepend(str(tmp_path))
    finders: list[Finder] = []
    before = set(sys.modules)

    def install(*names: str) -> list[str]:
        told: list[str] = []
        finder = Finder(set(names), lambda name, module: told.append(name))
        import_hook.install(finder)
        finders.append(finder)
        return told

    yield install
    for finder in finders:
        import_hook.remove(finder)
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def library(tmp_path: Path) -> str:
    (tmp_path / "library.py").write_text("seen = vars(__spec__.loader).copy()\nvalue = 1\n")
    return "library"


def test_an_awaited_module_is_told_after_its_execution(wait: Waiting, library: str) -> None:
    values: list[Any] = []
    told = wait(library)
    finder = sys.meta_path[0]
    assert isinstance(finder, Finder)
    finder.fire = lambda name, module: values.append(module.value)
    importlib.import_module(library)
    assert values == [1] and told == []


def test_other_modules_are_not_told(wait: Waiting, library: str) -> None:
    told = wait("another")
    importlib.import_module(library)
    assert told == []


def test_a_module_that_was_imported_before_is_told_at_once(wait: Waiting, library: str) -> None:
    importlib.import_module(library)
    assert wait(library) == [library]


def test_loader_spec_source_and_resources_are_pythons_own(
    wait: Waiting, library: str, tmp_path: Path
) -> None:
    wait(library, "parcel")
    module = importlib.import_module(library)
    assert type(module.__loader__) is SourceFileLoader
    assert module.__spec__ is not None and module.__spec__.loader is module.__loader__
    assert module.__loader__ == SourceFileLoader(library, str(tmp_path / "library.py"))
    assert vars(module.__loader__).keys() == module.seen.keys() == {"name", "path"}
    assert inspect.getsource(module).endswith("value = 1\n")
    (tmp_path / "parcel").mkdir()
    (tmp_path / "parcel" / "__init__.py").write_text("")
    (tmp_path / "parcel" / "data.txt").write_text("data")
    assert resources.files("parcel").joinpath("data.txt").read_text() == "data"


def test_reload_is_told_again(wait: Waiting, library: str) -> None:
    told = wait(library)
    importlib.reload(importlib.import_module(library))
    assert told == [library, library]


def test_a_found_but_not_executed_module_is_not_told(wait: Waiting, library: str) -> None:
    told = wait(library)
    importlib.util.find_spec(library)
    assert told == []


def test_a_module_executed_by_hand_is_told(wait: Waiting, library: str) -> None:
    told = wait(library)
    spec = importlib.util.find_spec(library)
    assert spec is not None and spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    assert told == [library]


def test_a_lazy_module_is_told_when_it_is_used(wait: Waiting, library: str) -> None:
    told = wait(library)
    spec = importlib.util.find_spec(library)
    assert spec is not None and spec.loader is not None
    spec.loader = lazy = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[library] = module
    lazy.exec_module(module)
    assert told == []
    assert module.value == 1
    assert told == [library]
    assert type(module) is ModuleType


def test_compiled_modules_are_told(wait: Waiting, library: str, tmp_path: Path) -> None:
    source = tmp_path / "library.py"
    compile_file(str(source), cfile=str(tmp_path / "library.pyc"))
    source.unlink()
    told = wait(library)
    assert type(importlib.import_module(library).__loader__) is SourcelessFileLoader
    assert told == [library]


def test_modules_in_a_zip_share_their_loader(
    wait: Waiting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for name in ("one", "two", "three"):
            archive.writestr(f"{name}.py", "value = 1")
    monkeypatch.syspath_prepend(str(tmp_path / "all.zip"))
    told = wait("one", "two")
    importlib.util.find_spec("two")
    loaders = {importlib.import_module(name).__loader__ for name in ("three", "one", "two")}
    assert told == ["one", "two"]
    (loader,) = loaders
    assert "exec_module" not in vars(loader)


def test_a_module_that_raises_is_not_told_but_its_second_try_is(
    wait: Waiting, tmp_path: Path
) -> None:
    told = wait("broken")
    (tmp_path / "broken.py").write_text("raise ValueError('x')")
    with pytest.raises(ValueError, match="x"):
        importlib.import_module("broken")
    assert told == []
    (tmp_path / "broken.py").write_text("value = 'another length'")
    importlib.invalidate_caches()
    importlib.import_module("broken")
    assert told == ["broken"]


def test_no_frame_of_ours_shows_in_a_failed_import(wait: Waiting, tmp_path: Path) -> None:
    wait("broken")
    (tmp_path / "broken.py").write_text("raise ValueError('x')")
    with pytest.raises(ValueError, match="x") as caught:
        import broken  # type: ignore[import-not-found]  # noqa: F401
    files = [Path(entry.path).name for entry in caught.traceback]
    assert files == ["test_import_hook.py", "broken.py"]


def test_a_warning_is_still_blamed_on_the_importer(wait: Waiting, tmp_path: Path) -> None:
    wait("old")
    (tmp_path / "old.py").write_text("import warnings\nwarnings.warn('old', stacklevel=2)")
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        import old  # type: ignore[import-not-found]  # noqa: F401
    assert [warning.filename for warning in seen] == [__file__]


class Asking:
    """A finder that asks all finders again, as wrapt's and ddtrace's do."""

    def __init__(self) -> None:
        self.asking = False

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if self.asking:
            return None
        self.asking = True
        try:
            return importlib.util.find_spec(name)
        finally:
            self.asking = False


class AskingOthers:
    """A finder that asks every finder but itself, as ours does."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        for finder in sys.meta_path:
            if finder is not self and (spec := finder.find_spec(name, path, target)):
                return spec
        return None


@pytest.mark.parametrize("finder", [Asking(), AskingOthers()])
@pytest.mark.parametrize("position", [0, 1])
def test_finders_that_ask_again_are_no_trap(
    position: int, finder: Any, wait: Waiting, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = wait(library)
    monkeypatch.setattr(sys, "meta_path", sys.meta_path.copy())
    sys.meta_path.insert(position, finder)
    importlib.import_module(library)
    assert told == [library]


class Slotted:
    """A loader that takes no attributes."""

    __slots__ = ()

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["value"] = 1


@pytest.mark.parametrize("loader", [Slotted(), Slotted])
def test_a_loader_that_cannot_be_armed_loads_all_the_same(
    loader: Any, wait: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Special:
        @staticmethod
        def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
            return ModuleSpec(name, loader) if name == "special" else None

    if loader is Slotted:
        monkeypatch.setattr(Slotted, "create_module", staticmethod(lambda spec: None))
        monkeypatch.setattr(
            Slotted, "exec_module", staticmethod(lambda module: setattr(module, "value", 1))
        )
    told = wait("special")
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Special])
    assert importlib.import_module("special").value == 1
    assert told == []


def test_an_old_finder_without_find_spec_is_passed_over(
    wait: Waiting, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = wait(library)
    monkeypatch.setattr(sys, "meta_path", [sys.meta_path[0], PathFinder])
    finder = sys.meta_path[0]
    assert isinstance(finder, Finder)
    monkeypatch.setattr(sys, "meta_path", [object(), PathFinder])
    assert finder.find_spec(library) is not None
    assert told == []


def test_threads_that_import_at_once_are_told_once(wait: Waiting, library: str) -> None:
    told = wait(library)
    barrier = threading.Barrier(8)

    def run() -> None:
        barrier.wait(10)
        importlib.import_module(library)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert told == [library]


def test_a_missing_module_is_missing_as_before(wait: Waiting) -> None:
    told = wait("nowhere", "nowhere.inside")
    for name in ("nowhere", "nowhere.inside"):
        with pytest.raises(ModuleNotFoundError, match="No module named 'nowhere'"):
            importlib.import_module(name)
    assert told == []


def test_a_removed_finder_tells_nothing_more(wait: Waiting, library: str) -> None:
    told = wait(library)
    finder = sys.meta_path[0]
    assert isinstance(finder, Finder)
    import_hook.remove(finder)
    importlib.import_module(library)
    assert told == [] and finder not in sys.meta_path
