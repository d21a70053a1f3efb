"""What the propagation tests share: headers, and a span to inject."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from autotrace.headers import Repeated

HEX_SPAN = st.integers(1, 2**64 - 1).map("{:016x}".format)
HEX_TRACE = HEX_SPAN | st.integers(1, 2**128 - 1).map("{:032x}".format)


def known(**named: str) -> Repeated:
    """Headers by name, with `_` for `-`; a test may repeat some."""
    headers = Repeated({name.replace("_", "-"): value for name, value in named.items()})
    headers.repeated = ()
    return headers


@dataclass
class Outgoing:
    """The span that a receiver shall call its parent."""

    trace_id: str
    span_id: str
    parent_id: str = ""
    sampled: int | None = None
    tracestate: str = ""
    random: bool = False
