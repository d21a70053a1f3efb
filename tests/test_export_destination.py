"""The queue and its worker, with a receiver that the test holds in its hand."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence

import pytest

from autotrace import guard
from autotrace.export import destination as module
from autotrace.export.destination import Destination, wait
from autotrace.export.receiver import Outcome, Patience
from autotrace.span import Span
from tests.export_spans import make_span, numbered

PATIENCE = 20.0
LONG = 3600.0


class Held:
    """A receiver that says what came, and goes on when it is let."""

    def __init__(self) -> None:
        self.batches: queue.SimpleQueue[list[Span]] = queue.SimpleQueue()
        self.free = threading.Event()
        self.free.set()
        self.closed = False
        self.error: Exception | None = None
        self.threads: set[int] = set()

    def deliver(self, spans: Sequence[Span], patience: Patience) -> Outcome:
        self.threads.add(threading.get_ident())
        self.batches.put(list(spans))
        self.free.wait(PATIENCE)
        if self.error is not None:
            raise self.error
        return Outcome(sent=len(spans))

    def close(self) -> None:
        self.closed = True

    def next(self) -> list[Span]:
        """The next batch, waited for."""
        return self.batches.get(timeout=PATIENCE)


class Made:
    """A destination with its receiver, and how often each was asked for."""

    def __init__(self, max_queue: int, max_batch: int, interval: float, name: str) -> None:
        self.receiver = Held()
        self.opened = 0
        self.firsts = 0
        self.destination = Destination(
            name,
            "AUTOTRACE_OTLP_ENDPOINT changes where spans go.",
            self._open,
            self._first,
            max_queue,
            max_batch,
            interval,
        )

    def _open(self) -> Held:
        self.opened += 1
        return self.receiver

    def _first(self) -> None:
        self.firsts += 1

    def put(self, spans: Sequence[Span]) -> None:
        for span in spans:
            self.destination.put(span)

    def flush(self) -> bool:
        return wait(self.destination.flush(), time.monotonic() + PATIENCE)


Make = Callable[..., Made]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Make:
    """Makes destinations that no other test has logged for or seen fail."""
    monkeypatch.setattr(guard, "_said", {})

    def made(max_queue: int = 100, max_batch: int = 10, interval: float = LONG) -> Made:
        return Made(max_queue, max_batch, interval, request.node.name)

    return made


def test_nothing_exists_before_the_first_span(make: Make) -> None:
    before = threading.active_count()
    made = make()
    assert made.flush()
    assert wait(made.destination.leave(0.0), 0.0)
    assert (made.opened, made.firsts, threading.active_count()) == (0, 0, before)


def test_spans_arrive_in_order_and_in_batches(make: Make) -> None:
    made, spans = make(), numbered(25)
    made.put(spans)
    assert made.flush()
    batches = [made.receiver.next() for _ in range(3)]
    assert [span for batch in batches for span in batch] == spans
    assert max(map(len, batches)) <= 10
    assert made.destination.counters() == {"sent": 25, "dropped": 0, "failed": 0, "queued": 0}


def test_the_first_span_starts_one_worker(make: Make) -> None:
    made = make()
    for number in range(3):
        made.put(numbered(number + 1))
        assert made.flush()
    assert (made.opened, made.firsts, len(made.receiver.threads)) == (1, 1, 1)
    assert threading.get_ident() not in made.receiver.threads


def test_the_worker_is_in_nobodys_list_of_threads(make: Make) -> None:
    """Programs join all that threading.enumerate() gives them."""
    made, before = make(), threading.enumerate()
    made.put(numbered(1))
    assert made.flush()
    assert threading.enumerate() == before


def test_a_full_batch_is_sent_at_once(make: Make) -> None:
    made = make(interval=LONG)
    made.put(numbered(10))
    assert len(made.receiver.next()) == 10


def test_fewer_are_sent_after_the_interval(make: Make) -> None:
    made = make(interval=0.01)
    made.put(numbered(1))
    assert len(made.receiver.next()) == 1
    made.put(numbered(1))
    assert len(made.receiver.next()) == 1


def test_the_worker_wakes_again_when_it_was_idle(make: Make) -> None:
    made = make(interval=LONG)
    for _ in range(20):
        made.put(numbered(10))
        assert len(made.receiver.next()) == 10


def test_what_comes_while_sending_waits_for_company(make: Make) -> None:
    made = make()
    made.receiver.free.clear()
    made.put(numbered(10))
    made.receiver.next()
    made.put(numbered(3))
    made.put(numbered(3))
    made.receiver.free.set()
    assert made.flush()
    assert len(made.receiver.next()) == 6


def test_a_flush_waits_for_what_ended_before_it(make: Make) -> None:
    made = make()
    made.receiver.free.clear()
    made.put(numbered(1))
    done = made.destination.flush()
    made.receiver.next()
    assert not wait(done, time.monotonic())
    made.receiver.free.set()
    assert wait(done, time.monotonic() + PATIENCE)


def test_many_threads_lose_nothing(make: Make) -> None:
    made = make(max_queue=10_000, max_batch=7, interval=0.001)

    def work() -> None:
        made.put(numbered(500))

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert made.flush()
    assert made.destination.counters()["sent"] == 4000


def test_the_queue_is_bounded_and_what_is_dropped_is_counted(
    make: Make, capfd: pytest.CaptureFixture[str]
) -> None:
    made = make(max_queue=20)
    made.receiver.free.clear()
    made.put(numbered(10))
    made.receiver.next()
    made.put(numbered(25))
    assert made.destination.counters() == {"sent": 0, "dropped": 5, "failed": 0, "queued": 20}
    made.receiver.free.set()
    assert made.flush()
    assert made.destination.counters() == {"sent": 30, "dropped": 5, "failed": 0, "queued": 0}
    said = capfd.readouterr().err
    assert "5 spans lost so far: its queue of 20 is full. AUTOTRACE_OTLP_ENDPOINT" in said


def test_a_failing_receiver_is_said_once_and_the_worker_goes_on(
    make: Make, capfd: pytest.CaptureFixture[str]
) -> None:
    made = make()
    made.receiver.error = OSError("disk full")
    for _ in range(3):
        made.put(numbered(2))
        assert made.flush()
    made.receiver.error = None
    made.put(numbered(2))
    assert made.flush()
    assert made.destination.counters() == {"sent": 2, "dropped": 0, "failed": 6, "queued": 0}
    lost = [line for line in capfd.readouterr().err.splitlines() if "lost" in line]
    assert len(lost) == 1
    assert "2 spans lost so far: OSError: disk full" in lost[0]


def test_after_ten_failures_it_is_not_tried_again(make: Make) -> None:
    made = make()
    made.receiver.error = ValueError("bug")
    for _ in range(12):
        made.put(numbered(1))
        assert made.flush()
    assert made.receiver.batches.qsize() == guard.FAILURES_ALLOWED
    assert made.destination.counters()["failed"] == 12


def test_leaving_sends_what_is_left_and_closes(make: Make) -> None:
    made = make()
    made.put(numbered(3))
    assert wait(made.destination.leave(time.monotonic() + PATIENCE), time.monotonic() + PATIENCE)
    assert (made.destination.counters()["sent"], made.receiver.closed) == (3, True)


def test_leaving_does_not_wait_for_a_receiver_that_hangs(
    make: Make, capfd: pytest.CaptureFixture[str]
) -> None:
    made = make()
    made.receiver.free.clear()
    made.put(numbered(10))
    made.receiver.next()
    made.put(numbered(4))
    assert not wait(made.destination.leave(time.monotonic()), time.monotonic())
    made.destination.give_up()
    assert made.destination.counters()["failed"] == 4
    assert "4 spans lost so far: no time was left" in capfd.readouterr().err
    made.receiver.free.set()


def test_what_ends_after_leaving_is_sent_by_the_thread_that_ends_it(make: Make) -> None:
    """An exit handler of the program that runs after ours."""
    made = make()
    made.put(numbered(1))
    ended = threading.Event()
    run = made.destination._run

    def ending(bell: object) -> None:
        run(bell)  # type: ignore[arg-type]
        ended.set()

    made.destination._run = ending  # type: ignore[method-assign]
    made.destination.forget()
    made.put(numbered(1))
    deadline = time.monotonic() + PATIENCE
    assert wait(made.destination.leave(deadline), deadline)
    assert ended.wait(PATIENCE)
    made.receiver.threads.clear()
    made.put([make_span("late")])
    assert made.receiver.threads == {threading.get_ident()}


def test_without_a_worker_leaving_sends_in_place(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No thread can be started at the end of the interpreter, or beyond the user's limit."""

    def refuse(*args: object) -> int:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(module, "start_new_thread", refuse)
    made = make()
    made.put(numbered(15))
    assert made.destination.counters()["queued"] == 15
    deadline = time.monotonic() + PATIENCE
    assert wait(made.destination.leave(deadline), deadline)
    assert made.receiver.threads == {threading.get_ident()}
    assert made.destination.counters()["sent"] == 15


def test_a_forks_child_begins_anew(make: Make) -> None:
    made = make()
    made.put(numbered(3))
    made.destination.forget()
    assert made.destination.counters() == {"sent": 0, "dropped": 0, "failed": 0, "queued": 0}
    made.put(numbered(1))
    assert made.flush()
    assert (made.firsts, made.destination.counters()["sent"]) == (2, 1)


def test_a_signal_handler_that_ends_a_span_while_the_worker_starts(make: Make) -> None:
    """It runs on top of the frame that holds the lock, so that waiting for it would be for ever."""
    made = make()
    first = made.destination._on_first

    def interrupted() -> None:
        first()
        made.put(numbered(1))

    made.destination._on_first = interrupted
    made.put(numbered(1))
    assert made.flush()
    assert made.destination.counters()["sent"] == 2
