"""Threads that become workers, and pools of threads: they serve whoever gives them something."""

from __future__ import annotations

import gc
import queue
import threading
import weakref
from collections.abc import Callable, Iterator
from multiprocessing.pool import ThreadPool
from typing import Any

import pytest
from opentelemetry import trace

from autotrace.context import CALL, CURRENT
from tests.contract.agent import Spans
from tests.contract.calls import PARENT, SAMPLED, TRACE, UNSAMPLED, within

OTHER = {"traceparent": f"00-{'c' * 32}-{PARENT}-01"}
BOTH = pytest.mark.parametrize("inbound", [SAMPLED, UNSAMPLED], ids=["sampled", "unsampled"])


def trace_id() -> str:
    """The trace of the call that runs here and now."""
    call: Any = CURRENT.get().get(CALL)
    return "" if call is None else str(call.trace_id)


class Worker:
    """A thread that runs what it finds in its queue."""

    def __init__(self) -> None:
        self.tasks: queue.Queue[Callable[[], object] | None] = queue.Queue()
        self.results: queue.Queue[object] = queue.Queue()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while task := self.tasks.get():
            self.results.put(task())

    def does(self, task: Callable[[], object]) -> object:
        """What comes of something that it is given to do."""
        self.tasks.put(task)
        return self.results.get(timeout=10)

    def stop(self) -> None:
        """Ends it."""
        self.tasks.put(None)
        self.thread.join(10)


@pytest.fixture
def workers() -> Iterator[list[Worker]]:
    started: list[Worker] = []
    yield started
    for worker in started:
        worker.stop()


@BOTH
def test_a_worker_belongs_to_the_call_that_starts_it_as_long_as_it_lasts(
    inbound: dict[str, str], spans: Spans, workers: list[Worker]
) -> None:
    def handler() -> list[object]:
        workers.append(Worker())
        return [workers[0].does(trace_id), workers[0].does(trace_id)]

    assert within(handler, inbound) == [TRACE, TRACE]
    assert workers[0].does(trace_id) == ""
    assert within(lambda: workers[0].does(trace_id), OTHER) == ""


@BOTH
def test_a_worker_that_waits_keeps_nothing_of_a_call(
    inbound: dict[str, str], spans: Spans, workers: list[Worker]
) -> None:
    def handler() -> Any:
        workers.append(Worker())
        workers[0].does(trace_id)
        return weakref.ref(CURRENT.get()[CALL])

    call = within(handler, inbound)
    spans.clear()
    gc.collect()
    assert call() is None


def test_a_thread_that_waits_within_a_span_of_its_own_stays_there(spans: Spans) -> None:
    def handler() -> None:
        answers: queue.Queue[int] = queue.Queue()

        def work() -> None:
            with trace.get_tracer("mine").start_as_current_span("work") as span:
                answers.get(timeout=10)
                assert trace.get_current_span() is span

        thread = threading.Thread(target=work)
        thread.start()
        answers.put(1)
        thread.join(10)

    within(handler, SAMPLED)
    server, work = spans.exactly(2)
    assert work["parent_id"] == server["span_id"]


def test_the_thread_of_a_call_itself_may_wait(spans: Spans) -> None:
    def handler() -> str:
        full: queue.Queue[int] = queue.Queue()
        full.put(1)
        before = CURRENT.get()
        full.get()
        assert CURRENT.get() is before
        return trace_id()

    assert within(handler, SAMPLED) == TRACE


WAYS: dict[str, Callable[[ThreadPool], str]] = {
    "apply": lambda pool: pool.apply(trace_id),
    "apply_async": lambda pool: pool.apply_async(trace_id).get(10),
    "map": lambda pool: pool.map(lambda _: trace_id(), [1])[0],
    "starmap": lambda pool: pool.starmap(lambda _: trace_id(), [(1,)])[0],
    "imap": lambda pool: next(pool.imap(lambda _: trace_id(), [1])),
    "imap_unordered": lambda pool: next(pool.imap_unordered(lambda _: trace_id(), [1])),
}


@pytest.mark.parametrize("way", WAYS)
def test_work_in_a_pool_belongs_to_who_hands_it_in(way: str, spans: Spans) -> None:
    """Not to the call in which the pool was made."""
    with within(lambda: ThreadPool(1), SAMPLED) as pool:
        assert within(lambda: WAYS[way](pool), OTHER) == "c" * 32
        assert within(lambda: WAYS[way](pool), SAMPLED) == TRACE
        assert WAYS[way](pool) == ""
        assert pool.apply(CURRENT.get) == {}
