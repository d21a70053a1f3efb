"""How long is waited before something is sent again."""

from __future__ import annotations

import pytest

from autotrace.export.retry import asked_seconds, pause

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize(
    ("retry_after", "expected"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Tue, 14 Nov 2023 22:13:30 GMT", 10.0),
        ("Tue, 14 Nov 2023 22:13:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("\u0661", None),
        ("Tue, 99 Nov 2023 22:13:00 GMT", None),
    ],
)
def test_both_forms_of_retry_after(retry_after: str, expected: float | None) -> None:
    assert asked_seconds(retry_after, NOW) == expected


def test_pauses_double_up_to_half_a_minute() -> None:
    assert [pause(attempt, "", NOW, 0.5) for attempt in range(7)] == [1, 2, 4, 8, 16, 30, 30]


def test_chance_moves_a_pause_by_a_fifth() -> None:
    assert pause(0, "", NOW, 0.0) == pytest.approx(0.8)
    assert pause(0, "", NOW, 1.0) == pytest.approx(1.2)


def test_what_the_server_asks_for_wins_within_reason() -> None:
    assert pause(4, "3", NOW, 0.5) == 3.0
    assert pause(0, "86400", NOW, 0.5) == 300.0
