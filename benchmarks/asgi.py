"""`python -m benchmarks asgi`: what one request to a server of coroutines, or of gRPC, costs.

Starlette is called as uvicorn calls it, and aiohttp's server is handed what a socket would give.
gRPC's servers are called over loopback by a process of their own.
"""

from __future__ import annotations

from benchmarks import variants
from benchmarks.load import FRAMEWORKS
from benchmarks.wsgi import Case, Row, single

# Instructions that tracing may add to one request.
FULL, ONE_PERCENT = 130_000, 25_000


def budgeted() -> list[Row]:
    """The rows that have a budget, and those that explain them, for each server."""
    return [row for framework in FRAMEWORKS for row in _rows(framework)]


def _rows(framework: str) -> list[Row]:
    rows: list[Row] = []
    for kind, quiet in (("browser", "browser"), ("mesh", "mesh-unsampled")):
        sampled = Case(variants.ALL, kind, framework=framework)
        unsampled = Case(variants.NONE, quiet, framework=framework)
        rows += (
            single(sampled, FULL, f"100 %, {framework}"),
            Row(f"1 %, {framework}", kind, [(0.01, sampled), (0.99, unsampled)], ONE_PERCENT),
            single(unsampled, name=f"unsampled, {framework}")._replace(kind=kind),
            single(sampled._replace(variant=variants.PROPAGATE), name=f"propagate, {framework}"),
        )
    return rows
