"""Envoy's verbose log events."""

from __future__ import annotations

from autotrace.verbose_events import INSTANTS, verbose_events
from tests.spans import server_span


def test_known_instants_become_events_in_envoys_order() -> None:
    instants = {name: 10 * place for place, name in enumerate(INSTANTS)}
    events = verbose_events(1000, dict(reversed(instants.items())))
    assert [(event.name, event.time_ns) for event in events] == [
        ("last_downstream_rx_byte_received", 1000),
        ("first_upstream_tx_byte_sent", 1010),
        ("last_upstream_tx_byte_sent", 1020),
        ("first_upstream_rx_byte_received", 1030),
        ("last_upstream_rx_byte_received", 1040),
        ("first_downstream_tx_byte_sent", 1050),
        ("last_downstream_tx_byte_sent", 1060),
    ]
    assert [e.name for e in verbose_events(0, {"last_downstream_tx_byte_sent": 1, "other": 2})] == [
        "last_downstream_tx_byte_sent"
    ]


def test_of_a_first_instant_the_first_note_counts_and_of_a_last_one_the_last() -> None:
    span = server_span()
    for _ in range(3):
        span.note("first_downstream_tx_byte_sent")
        span.note("last_downstream_tx_byte_sent")
    assert span.instants is not None
    first, last = span.instants.values()
    assert 0 <= first < last
