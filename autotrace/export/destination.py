"""One destination: a bounded queue, and a worker that exists once there is something to send.

The worker is idle (waits without a time-out), collects (waits the flush interval for company) or
sends. `_wake_at` is all that `put` knows of this: the length of the queue at which it has to act.
Its values are 1 while the worker is idle or missing, a full batch while it collects, and never
while it sends. No lock is held while a span is put.
"""

from __future__ import annotations

import sys
from _thread import LockType, RLock, allocate_lock, start_new_thread
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

from autotrace.export import fork
from autotrace.export.receiver import Outcome, Patience, Receiver
from autotrace.guard import failed, log_once, site

if TYPE_CHECKING:
    from autotrace.span import Span

NEVER = sys.maxsize
SAY_EVERY = 300.0
LAST_WORDS = 0.1


class Destination:
    """Spans on their way to one receiver.

    `open_receiver` is called on the worker, once a process; `on_first` when the first span arrives.
    """

    def __init__(
        self,
        name: str,
        advice: str,
        open_receiver: Callable[[], Receiver],
        on_first: Callable[[], None],
        max_queue: int,
        max_batch: int,
        interval: float,
    ) -> None:
        self.name = name
        self._advice = advice
        self._open_receiver = open_receiver
        self._on_first = on_first
        self._max_queue = max_queue
        self._max_batch = min(max_batch, max_queue)
        self._interval = interval
        # Its own name before the colon: ten failures here leave the other destinations alone.
        self._site = site(f"export.{name}:worker")
        self.forget()

    def forget(self) -> None:
        """Starts anew, as in a fork's child: its parent sends what it had queued."""
        # A flush that is waited for is a lock among the spans, released when its turn has come.
        self._queue: deque[Span | LockType] = deque()
        self._wake_at = 1
        self._hurry = False
        self._running = False
        # Who wakes, starts or ends the worker holds it; re-entrant, because a signal handler that
        # ends a span runs on top of them.
        self._turn = RLock()
        self._bell = allocate_lock()
        self._bell.acquire()
        self._receiver: Receiver | None = None
        self._patience = Patience()
        self._overflowed = 0
        self._total = Outcome()
        self._told = 0

    def put(self, span: Span) -> None:
        """Queues a finished span; when the queue is full it is dropped and counted."""
        queue = self._queue
        length = len(queue)
        if length >= self._max_queue:
            self._overflowed += 1
            return
        queue.append(span)
        if length + 1 >= self._wake_at:
            self._act()

    def flush(self) -> LockType:
        """Asks for all that is queued to be sent now; the lock is free when that is done."""
        done = allocate_lock()
        if self._queue or self._running:
            done.acquire()
            self._queue.append(done)
            self._hurry = True
            self._act()
        return done

    def leave(self, deadline: float) -> LockType:
        """Like `flush`, for the last time: nothing may take longer than the deadline."""
        if not self._patience.leaving:
            # The worker ends a little before, so that it can still say what was lost.
            self._patience.leave_by(deadline - LAST_WORDS)
        return self.flush()

    def give_up(self) -> None:
        """Counts what is still queued as lost, and says what was lost in all."""
        left = sum(not isinstance(item, LockType) for item in self._queue)
        if left:
            self._total = self._total.plus(Outcome(failed=left))
        self._tell(self._total.problem or "no time was left at the program's end")

    def counters(self) -> dict[str, int]:
        """What became of the spans so far, in this process."""
        total = self._total
        return {
            "sent": total.sent,
            "dropped": total.dropped + self._overflowed,
            "failed": total.failed,
            "queued": len(self._queue),
        }

    def _act(self) -> None:
        """Wakes the worker, or starts it; without one, at the program's end, does its work."""
        self._wake_at = NEVER
        with self._turn:
            if self._running:
                self._ring()
                return
            if not self._patience.leaving:
                self._start()
                return
        self._send_queued()
        self._wake_at = 1

    def _ring(self) -> None:
        try:
            self._bell.release()
        except RuntimeError:
            # Rung before, and not yet heard.
            return

    def _start(self) -> None:
        self._running = True
        try:
            self._on_first()
            # A bare thread: it is in nobody's threading.enumerate(), carries no context of the
            # request that happened to be first, and never keeps the program alive.
            start_new_thread(self._run, (self._bell,))
        except RuntimeError:
            # No more threads, or the interpreter is ending. Tried again a batch later.
            self._running = False
            self._wake_at = len(self._queue) + self._max_batch

    def _run(self, bell: LockType) -> None:
        try:
            while True:
                # Before the look into the queue: a span that comes after it will act.
                self._wake_at = 1
                if self._has_ended():
                    return
                if not self._queue:
                    bell.acquire()
                self._wake_at = self._max_batch
                if len(self._queue) < self._max_batch and not self._hurry:
                    bell.acquire(timeout=self._interval)
                self._wake_at = NEVER
                self._send_queued()
        finally:
            self._running = False
            self._wake_at = 1

    def _has_ended(self) -> bool:
        """Whether the worker is done; from then on others do its work."""
        with self._turn:
            if self._patience.leaving and not self._queue:
                self._running = False
            return not self._running

    def _send_queued(self) -> None:
        """Sends what is queued now, in batches; what comes meanwhile waits for company."""
        self._hurry = False
        batch: list[Span] = []
        for _ in range(len(self._queue)):
            try:
                item = self._queue.popleft()
            except IndexError:
                break
            if isinstance(item, LockType):
                self._send(batch)
                batch = []
                if self._patience.leaving and self._receiver is not None:
                    self._receiver.close()
                item.release()
            else:
                batch.append(item)
                if len(batch) >= self._max_batch:
                    self._send(batch)
                    batch = []
        self._send(batch)

    def _send(self, batch: list[Span]) -> None:
        if not batch:
            return
        if self._site.off:
            self._account(Outcome(failed=len(batch), problem="it is off after repeated failures"))
            return
        try:
            outcome = self._opened().deliver(batch, self._patience)
        except Exception as error:
            failed(self._site, error)
            outcome = Outcome(failed=len(batch), problem=f"{type(error).__name__}: {error}")
        self._account(outcome)

    def _opened(self) -> Receiver:
        if self._receiver is None:
            with fork.opening:
                self._receiver = self._open_receiver()
        return self._receiver

    def _account(self, outcome: Outcome) -> None:
        self._total = self._total.plus(outcome)
        # At the program's end the last word is `give_up`'s, so that one line says it all.
        if not self._patience.leaving:
            full = f"its queue of {self._max_queue} is full" if self._overflowed else ""
            self._tell(outcome.problem or full or self._total.problem)

    def _tell(self, why: str) -> None:
        """Says at most once in five minutes that spans are lost."""
        total = self._total
        lost = total.dropped + total.failed + self._overflowed
        if lost > self._told:
            self._told = lost
            spans = "1 span" if lost == 1 else f"{lost} spans"
            line = f"{self.name}: {spans} lost so far: {why}. {self._advice}"
            log_once(f"export.{self.name}", "warning", line, every=SAY_EVERY)


def wait(done: LockType, deadline: float) -> bool:
    """Waits for a flush; False when the deadline passes first."""
    return done.acquire(timeout=max(0.0, deadline - monotonic()))
