"""What the propagation tests share: headers, and a span to inject."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from autotrace.headers import Known

HEX_SPAN = st.integers(1, 2**64 - 1).map("{:016x}".format)
HEX_TRACE = HEX_SPAN | st.integers(1, 2**128 - 1).map("{:032x}".format)


def known(**headers: str) -> Known:
    """Headers by name, with `_` for `-`."""
    return Known({name.replace("_", "-"): value for name, value in headers.items()})


@dataclass
class Outgoing:
    """The span that a receiver shall call its parent."""

    trace_id: str
    span_id: str
    parent_id: str = ""
    sampled: int | None = None
    tracestate: str = ""
    random: bool = False
