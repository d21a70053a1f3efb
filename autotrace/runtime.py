"""Shares of traced requests that change while the program runs, by a file of Envoy's runtime keys.

The file is JSON or YAML, its keys nested or dotted; others than these three are somebody else's.
Envoy's order holds: a key stands in place of the listener's share, and of a route's as well.
https://www.envoyproxy.io/docs/envoy/latest/configuration/operations/runtime
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from time import monotonic
from typing import Any

from autotrace.guard import log_once
from autotrace.routes import Routes
from autotrace.sampling import DENOMINATORS, HUNDRED, Fraction, Fractions, Sampler

# key -> the share it stands for
KEYS = {
    "tracing.client_enabled": "client",
    "tracing.random_sampling": "random",
    "tracing.global_enabled": "overall",
}
Overrides = Mapping[str, Fraction]

NOTHING: Overrides = {}
# Seconds between two looks at the file.
PAUSE = 1.0
_NEVER = float("inf")
# Of protobuf's numbers.
_NUMBERED = tuple(DENOMINATORS)


class Malformed(ValueError):
    """The file cannot be used; the message says why."""


class Runtime:
    """What the file says now: nothing, if it is missing; what it said before, if it is broken."""

    __slots__ = ("_path", "_seen", "overrides")

    def __init__(self, path: str) -> None:
        self._path = path
        self._seen: object = None
        self.overrides = NOTHING
        self.look()

    def look(self) -> bool:
        """Reads the file if it changed since the last time; whether it says something else now."""
        before = self.overrides
        try:
            found = os.stat(self._path)
            seen = (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
            if seen == self._seen:
                return False
            # Noted before it is read: what is written meanwhile is seen the next time.
            self._seen = seen
            if not stat.S_ISREG(found.st_mode):
                raise Malformed("it is no file")
            self.overrides = overrides(_document(self._path))
        except FileNotFoundError:
            self._seen = None
            self.overrides = NOTHING
        except (OSError, ValueError, RecursionError) as error:
            why = " ".join(str(error).split())
            log_once(
                f"runtime {why}",
                "warning",
                f"AUTOTRACE_RUNTIME_FILE={self._path}: {why}; sampling stays as it was",
            )
        return self.overrides != before


class Samplers:
    """The samplers that count now: the listener's, and of each route its own.

    `due` is the time of the next look at the file, by the clock that never goes back; never, where
    there is none. Whoever decides compares it and calls `refresh`.
    """

    __slots__ = ("_configured", "_runtime", "_tables", "due", "listener")

    def __init__(self, configured: Sampler, tables: Iterable[Routes] = (), path: str = "") -> None:
        self._configured = configured
        self._tables = tuple(tables)
        self._runtime = Runtime(path) if path else None
        self.due = monotonic() + PAUSE if path else _NEVER
        self._apply()

    def refresh(self, now: float) -> None:
        """Looks at the file once more, and at no other time before the pause is over."""
        # First, so that other threads do not look as well.
        self.due = now + PAUSE
        if self._runtime is not None and self._runtime.look():
            self._apply()

    def _apply(self) -> None:
        said = NOTHING if self._runtime is None else self._runtime.overrides
        configured = self._configured
        self.listener = configured.with_fractions(over(configured.fractions, said))
        for table in self._tables:
            for route in table:
                if route.fractions is not None:
                    route.sampler = configured.with_fractions(over(route.fractions, said))


def over(fractions: Fractions, overrides: Overrides) -> Fractions:
    """The shares with those that the runtime names in place of the configured ones."""
    if not overrides:
        return fractions
    return Fractions(
        overrides.get("client", (fractions.client, fractions.client_of)),
        overrides.get("random", (fractions.random, fractions.random_of)),
        overrides.get("overall", (fractions.overall, fractions.overall_of)),
    )


def overrides(document: object) -> Overrides:
    """The shares that a runtime document names; raises `Malformed` where one of them is none."""
    if document is None:
        return NOTHING
    if not isinstance(document, Mapping):
        raise Malformed("it is to hold an object, such as {tracing: {random_sampling: 50}}")
    found = {}
    for key, share in KEYS.items():
        value = _find(document, key)
        if value is not None:
            found[share] = _fraction(key, value)
    return found


def _find(document: Mapping[Any, Any], key: str) -> object:
    """The value of a dotted key, nested or written as it is; the nested one counts."""
    first, _, rest = key.partition(".")
    inner = document.get(first)
    nested = inner.get(rest) if isinstance(inner, Mapping) else None
    return document.get(key) if nested is None else nested


def _fraction(key: str, value: object) -> Fraction:
    """A share: whole percent, more than all being all, or numerator and denominator."""
    if isinstance(value, Mapping):
        return _whole(key, value.get("numerator", 0)), _denominator(key, value)
    return min(_whole(key, value), HUNDRED), HUNDRED


def _denominator(key: str, value: Mapping[Any, Any]) -> int:
    name = value.get("denominator", "HUNDRED")
    if isinstance(name, int) and 0 <= name < len(_NUMBERED):
        name = _NUMBERED[name]
    if name not in _NUMBERED:
        raise Malformed(f"the denominator of {key} is to be one of {', '.join(_NUMBERED)}")
    return DENOMINATORS[str(name)]


def _whole(key: str, value: object) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:10])
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Malformed(f"{key} is to be a whole number of percent, or numerator and denominator")
    return value


def _document(path: str) -> object:
    # Few programs have such a file, and json is a package that they may not have loaded.
    import json

    with open(path, encoding="utf-8-sig") as file:
        text = file.read()
    try:
        return json.loads(text)
    except ValueError:
        if not text.strip():
            return None
        if text.lstrip().startswith("{") and path.endswith(".json"):
            raise
    try:
        import yaml
    except ImportError:
        raise Malformed("YAML needs PyYAML: pip install 'autotrace[yaml]'") from None
    try:
        found: object = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise Malformed(str(error)) from None
    return found
