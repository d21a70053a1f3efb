"""How long a delivery may take."""

from __future__ import annotations

import threading
import time

from autotrace.export.receiver import Outcome, Patience


def test_there_is_no_end_while_the_program_runs() -> None:
    patience = Patience()
    assert not patience.leaving
    assert patience.left() == float("inf")
    assert patience.pause(0.0)


def test_a_pause_ends_when_the_program_wants_to_leave() -> None:
    patience, result = Patience(), []
    pausing = threading.Thread(target=lambda: result.append(patience.pause(3600.0)))
    pausing.start()
    patience.leave_by(time.monotonic() + 60.0)
    pausing.join(20.0)
    assert result == [True]


def test_at_the_end_there_is_no_pause_beyond_the_deadline() -> None:
    patience = Patience()
    patience.leave_by(time.monotonic() + 60.0)
    patience.leave_by(time.monotonic() + 60.0)
    assert patience.pause(0.0)
    assert not patience.pause(61.0)


def test_outcomes_add_up_and_the_later_problem_is_told() -> None:
    total = Outcome(1, 2, 3, "first").plus(Outcome(10, 20, 30))
    assert total == Outcome(11, 22, 33, "first")
    assert total.plus(Outcome(problem="second")).problem == "second"
