"""`python -m benchmarks outbound`: an inbound request that makes one call over loopback."""

from __future__ import annotations

from benchmarks import variants
from benchmarks.load import CLIENTS
from benchmarks.wsgi import PROPAGATING, Case, Row, single


def rows(port: int) -> list[Row]:
    """Every client in every mode; the request is one that comes out of a mesh."""
    made = []
    for client in CLIENTS[1:]:
        for variant in (variants.ALL, variants.exporting(port)):
            made.append(_row(Case(variant, "mesh", client)))
        made.append(_row(Case(variants.NONE, "mesh-unsampled", client)))
        budget = PROPAGATING if client == "urllib3" else None
        made.append(_row(Case(variants.PROPAGATE, "mesh", client), budget))
    return made


def _row(case: Case, budget: float | None = None) -> Row:
    return single(case, budget, f"{case.variant.name}, {case.client}")
