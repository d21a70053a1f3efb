"""OpenTelemetry's contrib instrumentors: databases, caches and queues, whose spans become ours.

One is loaded when its library is, if it is installed and the program does not see to it itself.
Their entry points are looked up then and not before: to go through all distributions takes long.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.integration import Patches
from autotrace.integrations import OTEL_INSTRUMENTORS

GROUP = "opentelemetry_instrumentor"

# Those that work because of us.
_ours: set[type] = set()


def patch(module: ModuleType, patches: Patches) -> None:
    """Has a library that was imported instrumented."""
    settings = integration.settings()
    if settings is None or not integration.makes_spans():
        return
    if module.__name__ == "opentelemetry.instrumentation.instrumentor":
        patches.replace(module.BaseInstrumentor, "instrument", _instrument)
        return
    for name, target in OTEL_INSTRUMENTORS.items():
        if target == module.__name__ and _is_wanted(name, settings.otel_instrumentors):
            _load(name)


def _is_wanted(name: str, chosen: tuple[str, ...]) -> bool:
    return name in chosen or "auto" in chosen


def _load(name: str) -> None:
    """Loads an instrumentor; what goes wrong with one is not the matter of another."""
    site = integration.site(f"otel_instrumentors: {name}")
    try:
        kind = _found(name)
        if kind is not None:
            kind().instrument(raise_exception_on_conflict=True)
            _ours.add(kind)
    except Exception as error:
        integration.failed(site, error)


def _found(name: str) -> Any:
    """The class of an instrumentor; None if it is not installed, or is the program's to use."""
    package = f"opentelemetry.instrumentation.{name.replace('-', '_')}"
    try:
        if find_spec(package) is None:
            return None
    except ModuleNotFoundError:
        # Not even the package that holds all of them.
        return None
    for point in entry_points(group=GROUP, name=name):
        # A program that imports one is going to call it, maybe from the very import that we are in.
        if point.module not in sys.modules:
            return point.load()
    return None


def _instrument(original: Callable[..., Any]) -> Callable[..., Any]:
    site = integration.site("otel_instrumentors")

    def instrument(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            if type(self) in _ours:
                # The program calls it after all, and its options count.
                _ours.discard(type(self))
                self.uninstrument()
        except Exception as error:
            integration.failed(site, error)
        return original(self, *args, **kwargs)

    return instrument
