"""Envoy's verbose log events: when each part of a request and of its response passed."""

from __future__ import annotations

from collections.abc import Mapping

from autotrace.span import Event

# In their order of writing. "Downstream" is who called, "upstream" who is called.
INSTANTS = (
    "last_downstream_rx_byte_received",
    "first_upstream_tx_byte_sent",
    "last_upstream_tx_byte_sent",
    "first_upstream_rx_byte_received",
    "last_upstream_rx_byte_received",
    "first_downstream_tx_byte_sent",
    "last_downstream_tx_byte_sent",
)


def verbose_events(start_ns: int, instants: Mapping[str, int]) -> list[Event]:
    """The events of the instants that are known, given as nanoseconds from the start."""
    return [Event(name, start_ns + instants[name], None) for name in INSTANTS if name in instants]
