"""One row of the manifest becomes patches of a library, or the reason why it does not."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from autotrace import guard
from autotrace.integrations import MANIFEST, Row
from autotrace.patches import Patches
from autotrace.requirement import Requirement

if TYPE_CHECKING:
    from autotrace.config import Config


class Status(NamedTuple):
    """What became of an integration: pending, patched, failed or skipped, and why."""

    name: str
    state: str
    reason: str = ""


class Integration(Protocol):
    """What a module of `autotrace.integrations` offers."""

    def patch(self, module: ModuleType, patches: Patches) -> None:
        """Replace the functions of a library's module."""


_status: dict[str, Status] = {}
_patches: dict[str, Patches] = {}


def status() -> list[Status]:
    """Return the state of every integration in the manifest's order."""
    return [_status.get(row.name, Status(row.name, "pending")) for row in MANIFEST]


def apply(row: Row, module: ModuleType, config: Config) -> None:
    """Patch a module that was imported; whatever goes wrong is undone, kept and said once."""
    reason = _reason_to_skip(row, module, config)
    if reason:
        _status[row.name] = Status(row.name, "skipped", reason)
        return
    if _status.get(row.name, Status(row.name, "pending")).state == "failed":
        return
    patches = _patches.setdefault(row.name, Patches())
    try:
        _integration(row).patch(module, patches)
    except KeyboardInterrupt:
        patches.rollback()
        raise
    except BaseException as error:
        patches.rollback()
        _fail(row, module, error, config.strict)
    else:
        _status[row.name] = Status(row.name, "patched")
        guard.log("debug", f"{row.name}: patched {module.__name__}")


def _fail(row: Row, module: ModuleType, error: BaseException, strict: bool) -> None:
    reason = guard.describe(error)
    _status[row.name] = Status(row.name, "failed", reason)
    line = f"{row.name} is not traced, patching {module.__name__} failed: {reason}"
    if strict:
        guard.die(line)
    guard.log("warning", line)


def _integration(row: Row) -> Integration:
    # Not importlib.import_module: importlib is a package that the program may not have loaded.
    name = f"autotrace.integrations.{row.name}"
    return cast("Integration", __import__(name, fromlist=["patch"]))


def _reason_to_skip(row: Row, module: ModuleType, config: Config) -> str:
    if config.disabled_integrations:
        from fnmatch import fnmatchcase

        for glob in config.disabled_integrations:
            if fnmatchcase(row.name, glob):
                return f"disabled by {glob}"
    return _version_mismatch(row, module)


def _version_mismatch(row: Row, module: ModuleType) -> str:
    """Return how a library's own version is out of the range that is known to work, or nothing."""
    library = sys.modules.get(module.__name__.partition(".")[0], module)
    # Out of the dictionary: asking the module could run the library's __getattr__ and its warnings.
    version = vars(library).get("__version__")
    if not row.requires or not isinstance(version, str):
        return ""
    requirement = Requirement.parse(row.requires)
    if requirement.allows(version):
        return ""
    reason = f"{library.__name__} {version} is installed, {row.requires} can be traced"
    guard.log_once(f"version:{row.name}", "warning", f"{row.name} is not traced: {reason}")
    return reason
