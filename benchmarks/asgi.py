"""`python -m benchmarks asgi`: what one request through Starlette costs, in this process alone."""

from __future__ import annotations

from benchmarks import variants
from benchmarks.wsgi import Case, Row, single

# Instructions that tracing may add to one request.
FULL, ONE_PERCENT = 130_000, 25_000


def budgeted() -> list[Row]:
    """The rows that have a budget, and those that explain them."""
    rows: list[Row] = []
    for kind, quiet in (("browser", "browser"), ("mesh", "mesh-unsampled")):
        sampled = Case(variants.ALL, kind, framework="starlette")
        unsampled = Case(variants.NONE, quiet, framework="starlette")
        rows += (
            single(sampled, FULL),
            Row("1 %", kind, [(0.01, sampled), (0.99, unsampled)], ONE_PERCENT),
            single(unsampled)._replace(kind=kind),
            single(sampled._replace(variant=variants.PROPAGATE)),
        )
    return rows
