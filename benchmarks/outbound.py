"""`python -m benchmarks outbound`: what one call over loopback adds to the request that makes it.

A row is the request with the call less the same request without it, so that what the inbound side
costs stands in `wsgi` and `asgi` alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks import variants
from benchmarks.load import CLIENTS
from benchmarks.wsgi import Case, Row

# Instructions that tracing may add to one call.
FULL, ONE_PERCENT, PROPAGATING = 110_000, 45_000, 30_000

Parts = Sequence[tuple[float, Case]]


def rows(port: int) -> list[Row]:
    """Every client, called by a request without trace headers and by one out of a mesh."""
    return [row for client in CLIENTS[1:] for row in _rows(client, variants.exporting(port))]


def _rows(client: str, exporting: variants.Variant) -> list[Row]:
    made: list[Row] = []
    for kind, quiet in (("browser", "browser"), ("mesh", "mesh-unsampled")):
        sampled = Case(variants.ALL, kind, client)
        unsampled = Case(variants.NONE, quiet, client)
        carrying = sampled._replace(variant=variants.PROPAGATE)
        mixed = [(0.01, sampled), (0.99, unsampled)]
        made += (
            Row(f"100 %, {client}", kind, _call([(1, sampled)]), FULL),
            Row(f"1 %, {client}", kind, _call(mixed), ONE_PERCENT),
            Row(f"unsampled, {client}", kind, _call([(1, unsampled)])),
            Row(f"propagate, {client}", kind, _call([(1, carrying)]), PROPAGATING),
        )
    made.append(
        Row(f"{exporting.name}, {client}", kind, _call([(1, sampled._replace(variant=exporting))]))
    )
    return made


def _call(parts: Parts) -> Parts:
    """The same less what the request takes without the call."""
    return [*parts, *((-share, case._replace(client="none")) for share, case in parts)]
