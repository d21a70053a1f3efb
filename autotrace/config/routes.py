"""Envoy's routes in the configuration: a JSON list."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def parse(value: object, complain: Callable[[str], None]) -> tuple[dict[str, Any], ...]:
    """Return the valid routes in their order."""
    raise NotImplementedError
