"""B3 as OpenCensus and Lightstep write it: no parent's id, no flags, ids of 128 bits."""

from __future__ import annotations

from autotrace.headers import NO_HEADERS, Known
from autotrace.propagation.b3multi import SAMPLED, SPAN_ID, TRACE_ID
from autotrace.propagation.hop import NOWHERE, Hop
from autotrace.propagation.incoming import Identity


def inject(
    span: Identity, known: Known = NO_HEADERS, hop: Hop = NOWHERE
) -> tuple[tuple[str, str], ...]:
    """The headers that make `span` the receiver's parent."""
    return (
        (TRACE_ID, span.trace_id.rjust(32, "0")),
        (SPAN_ID, span.span_id),
        (SAMPLED, "1" if span.sampled else "0"),
    )
