"""OpenTelemetry's API: the tracers and the baggage of a program that makes spans by hand."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.integration import Patches

SITE = integration.site("opentelemetry")


def patch(module: ModuleType, patches: Patches) -> None:
    """Makes the tracers ours that stand in for those of a provider to come."""
    if module.__name__ == "opentelemetry.baggage":
        integration.carry_baggage(module._BAGGAGE_KEY)
    elif integration.makes_spans():
        patches.replace(module.ProxyTracer, "__init__", _init)


def _init(original: Callable[..., None]) -> Callable[..., None]:
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        try:
            # What it falls back to until the program sets a provider of its own.
            self._noop_tracer = integration.tracer(*args[:2])
        except Exception as error:
            integration.failed(SITE, error)

    return __init__
