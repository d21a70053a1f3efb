"""Which headers are carried from an inbound call to the outbound ones without a tracer."""

from __future__ import annotations

from typing import Any

from autotrace import propagation
from tests.vectors.registry import op


@op("forward.header")
def forward(given: dict[str, Any]) -> dict[str, Any]:
    return {"forwarded": propagation.is_forwarded(given["header"])}
