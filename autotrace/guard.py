"""Where the agent's own faults end: they are counted, said once, and never reach the application.

Read in every Python process, so nothing is imported but what Python has already loaded.
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

FAILURES_ALLOWED = 10
EXIT_STRICT = 70  # EX_SOFTWARE of sysexits.h

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "off": 100}


class Site:
    """One place where agent code runs; `off` is a plain attribute: the hot path reads it."""

    __slots__ = ("error", "failures", "logged", "name", "off")

    def __init__(self, name: str) -> None:
        self.name = name
        self.failures = 0
        self.off = False
        self.logged = False
        self.error = ""  # text only: a kept traceback would hold the application's objects

    @property
    def integration(self) -> str:
        """Return the part of the name before the first colon."""
        return self.name.partition(":")[0]


_sites: dict[str, Site] = {}
_switched_off: set[str] = set()
_said: dict[str, float] = {}
_level = _LEVELS["warning"]


def site(name: str) -> Site:
    """Return the one site of that name, made at the first call."""
    found = _sites.get(name)
    if found is None:
        found = Site(name)
        found.off = found.integration in _switched_off
        found = _sites.setdefault(name, found)
    return found


def failed(site: Site, error: BaseException) -> None:
    """Note an error that agent code raised; after ten at one site its integration is off."""
    try:
        site.failures += 1
        if not site.logged:
            site.logged = True
            site.error = describe(error)
            log("warning", f"{site.name} failed, the program goes on: {site.error}")
        if site.failures >= FAILURES_ALLOWED and not site.off:
            switch_off(site.integration)
            log("warning", f"{site.integration} is off after {site.failures} failures")
    except Exception:
        site.off = True


def switch_off(integration: str) -> None:
    """Stop every site of an integration, and those that it makes later."""
    _switched_off.add(integration)
    for each in list(_sites.values()):
        if each.integration == integration:
            each.off = True


def describe(error: BaseException) -> str:
    """Return an error and the line it came from, on one line."""
    try:
        text = str(error)
    except Exception:
        text = "its message cannot be read"
    traceback = error.__traceback__
    where = ""
    while traceback is not None:
        where = (
            f" ({os.path.basename(traceback.tb_frame.f_code.co_filename)}:{traceback.tb_lineno})"
        )
        traceback = traceback.tb_next
    return f"{type(error).__name__}: {text}{where}" if text else f"{type(error).__name__}{where}"


def set_level(level: str) -> None:
    """Choose how much is said; an unknown level means `warning`."""
    global _level
    _level = _LEVELS.get(level.lower(), _LEVELS["warning"])


def log(level: str, message: str) -> None:
    """Say one line on standard error, at or above the chosen level."""
    try:
        if _LEVELS.get(level, 0) >= _level:
            _write(message)
    except Exception:
        # A closed, full or missing stderr: nobody is left to be told.
        return


def log_once(key: str, level: str, message: str, every: float | None = None) -> None:
    """Say a line once a process, or at most once in `every` seconds."""
    now = time.monotonic()
    before = _said.get(key)
    if before is None or (every is not None and now - before >= every):
        _said[key] = now
        log(level, message)


def die(reason: str) -> NoReturn:
    """End the process because its user asked for strictness; the reason is its last line."""
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        _write(reason)
    finally:
        # Not SystemExit: the application could catch it, in a thread it ends only the thread,
        # and out of sitecustomize Python makes exit code 1 of it.
        os._exit(EXIT_STRICT)


def status() -> list[Site]:
    """Return all sites by name, for `doctor`."""
    return [_sites[name] for name in sorted(_sites)]


def _write(message: str) -> None:
    # One write straight to the descriptor: whole lines even among threads and workers, and no
    # wrapper that a test runner or framework put in place of sys.stderr runs our text.
    line = f"autotrace: {' '.join(message.splitlines())}\n".encode("utf-8", "backslashreplace")
    os.write(_descriptor(), line)


def _descriptor() -> int:
    for stream in (sys.stderr, sys.__stderr__):
        try:
            if stream is not None:
                return stream.fileno()
        except (AttributeError, OSError, ValueError):
            continue
    raise OSError("no standard error")
