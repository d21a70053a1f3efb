"""Which function of the product answers an operation of the vectors.

An adapter in an `ops_*.py` beside this file maps `given` to the product's own functions and hands
back the outcome, with the keys of `expect`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from autotrace.headers import NO_HEADERS, Known, Names, capture_pairs

Given = dict[str, Any]
Outcome = Mapping[str, Any]
Adapter = Callable[[Given], Outcome]

ADAPTERS: dict[str, Adapter] = {}
# adapter module -> why it could not be imported
BROKEN: dict[str, str] = {}


def op(name: str) -> Callable[[Adapter], Adapter]:
    """Registers the function below as the adapter of an operation."""

    def register(adapter: Adapter) -> Adapter:
        assert name not in ADAPTERS or ADAPTERS[name].__module__ == adapter.__module__, name
        ADAPTERS[name] = adapter
        return adapter

    return register


def load() -> None:
    """Imports every module of adapters; a broken one only loses its own operations."""
    for path in sorted(Path(__file__).parent.glob("ops_*.py")):
        try:
            importlib.import_module(f"tests.vectors.{path.stem}")
        except Exception as error:
            BROKEN[path.stem] = f"{type(error).__name__}: {error}"


def known(headers: Mapping[str, str | list[str]] | None) -> Known:
    """The headers object of a vector as a server would have captured it; null is none."""
    if not headers:
        return NO_HEADERS
    pairs = [
        (name, value)
        for name, values in headers.items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    return capture_pairs(pairs, Names(headers))
