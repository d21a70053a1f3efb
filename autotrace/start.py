"""Starts the agent in two steps: cold, a finder and nothing else; warm, at the first library.

The cold step happens in every Python process, so everything that costs is imported by the warm one.
"""

from __future__ import annotations

import os
import sys
from _thread import allocate_lock

from autotrace.import_hook import Finder, add, install, remove
from autotrace.integrations import MANIFEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from autotrace.config import Config

_finder: Finder | None = None
_config: Config | None = None
_overrides: dict[str, object] = {}
_state = "cold"  # then "warm", or "off" or "failed"
_jobs: list[Callable[[], object]] = []
_busy = allocate_lock()


def start(**overrides: object) -> None:
    """Start the agent from code, with settings by name; what is imported already is traced too."""
    if _state != "cold":
        if overrides:
            from autotrace import guard

            names = ", ".join(overrides)
            guard.log("warning", f"start({names}) is ignored: the agent has started before")
        return
    _overrides.update(overrides)
    _one_at_a_time(warm)
    install_hook()


def install_hook() -> None:
    """Wait for the libraries of the manifest; this is all that happens at the start of Python."""
    global _finder
    if _finder is None and _state in ("cold", "warm"):
        _finder = Finder(_modules(passive=False), _imported)
        install(_finder)
        if _state == "warm":
            add(_finder, _modules(passive=True))


def warm() -> bool:
    """Load the configuration and build the core, once; tell whether the agent is at work."""
    if _state == "cold":
        _warm_up()
    return _state == "warm"


def wake() -> None:
    """Begin at once, where the hook waits for a library: the program asks for us by itself."""
    if _finder is not None and _state == "cold":
        _one_at_a_time(warm)


def state() -> str:
    """Return `cold`, `warm`, `off` or `failed`, for `doctor`."""
    return _state


def _modules(passive: bool) -> set[str]:
    return {module for row in MANIFEST if row.passive == passive for module in row.modules}


def _imported(name: str, module: ModuleType) -> None:
    """Apply the integrations of a module that was just executed."""
    _one_at_a_time(lambda: _apply(name, module))


def _one_at_a_time(job: Callable[[], object]) -> None:
    """Do a job now, or leave it to whoever is doing one.

    Never waits: an import inside a job may need the lock of a module that another thread is
    executing, whose hook would be waiting here.
    """
    _jobs.append(job)
    while _jobs and _busy.acquire(False):
        try:
            while _jobs:
                _contained(_jobs.pop(0))
        finally:
            _busy.release()


def _contained(job: Callable[[], object]) -> None:
    """Do a job; its errors, SystemExit among them, stay here unless the user is strict."""
    try:
        job()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        _fault(error)


def _fault(error: BaseException) -> None:
    from autotrace import guard

    line = f"cannot trace this program: {guard.describe(error)}"
    if is_strict():
        guard.die(line)
    guard.log("error", line)


def _apply(name: str, module: ModuleType) -> None:
    from autotrace import activation

    if warm() and _config is not None:
        for row in MANIFEST:
            if name in row.modules:
                activation.apply(row, module, _config)


def _warm_up() -> None:
    """Go from cold to warm, or to the reason why not."""
    global _state
    try:
        _state = _configure()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        _state = "failed"
        _fault(error)
    if _finder is not None:
        if _state == "warm":
            add(_finder, _modules(passive=True))
        else:
            remove(_finder)


def _configure() -> str:
    global _config
    from autotrace import config, guard

    _config, problems = config.load(_environ())
    guard.set_level(_config.log_level)
    for problem in problems:
        guard.log("warning", str(problem))
    if _config.mode == "off":
        return "off"
    from autotrace import integration

    integration.configure(_config)
    return "warm"


def _environ() -> dict[str, str]:
    """Return the environment with the settings given in code laid over it."""
    environ = dict(os.environ)
    for name, value in _overrides.items():
        environ["AUTOTRACE_" + name.upper()] = _text(value)
    return environ


def _text(value: object) -> str:
    """Write a setting as its variable would be written."""
    if isinstance(value, (str, int, float)):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value):
        return ",".join(value)
    if isinstance(value, dict):
        from urllib.parse import quote

        return ",".join(f"{quote(str(name))}={quote(str(each))}" for name, each in value.items())
    import json

    return json.dumps(value)


def is_strict() -> bool:
    """Tell whether a failed start is to end the process."""
    if _config is not None:
        return _config.strict
    return os.environ.get("AUTOTRACE_STRICT", "").strip().lower() in ("1", "true", "yes", "on")


def _lock_anew() -> None:
    """A thread that held the lock at a fork does not exist in the child."""
    global _busy
    _busy = allocate_lock()


os.register_at_fork(after_in_child=_lock_anew)


class _Start(type(sys)):  # type: ignore[misc]
    """This module has the name of its main function: `autotrace.start()` calls it."""

    def __call__(self, **overrides: object) -> None:
        start(**overrides)


sys.modules[__name__].__class__ = _Start
