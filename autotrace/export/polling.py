"""Questions that are put again and again, each kind on a thread of its own.

There is no thread before the first call of a process that somebody's answer could change.
"""

from __future__ import annotations

from _thread import allocate_lock, start_new_thread
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from autotrace.export import fork
from autotrace.forks import in_child
from autotrace.guard import failed, log_once, site

if TYPE_CHECKING:
    from autotrace.export.sender import Sender
    from autotrace.subscription import Subscription

SAY_EVERY = 300.0
# A server tells its clients what is configured in one document for all.
ANSWER_LIMIT = 4_000_000


def beginning(subscriptions: Mapping[str, Callable[[], Subscription]]) -> Callable[[], None]:
    """What starts the asking of these servers, and does nothing once that has happened."""
    polls = [Poll(name, subscribe) for name, subscribe in subscriptions.items()]

    def begin() -> None:
        for poll in polls:
            poll.begin()

    return begin


class Poll:
    """The asking of one server; `subscribe` is called on the thread, once a process."""

    def __init__(self, name: str, subscribe: Callable[[], Subscription]) -> None:
        self.name = name
        self._subscribe = subscribe
        self._site = site(f"poll.{name}")
        self._begun = False
        in_child(self.end)

    def begin(self) -> None:
        """Starts asking, in this process, unless that has happened."""
        if self._begun:
            return
        self._begun = True
        try:
            # A bare thread, as a destination's worker is: nobody waits for it at the end.
            start_new_thread(self._run, ())
        except RuntimeError:
            # No more threads, or the interpreter is ending. Tried again by the next call.
            self._begun = False

    def end(self) -> None:
        """Asks no more, unless it is begun anew; in a fork's child the thread is not there."""
        self._begun = False

    def _run(self) -> None:
        try:
            subscription, sender = self._opened()
        except Exception as error:
            failed(self._site, error)
            return
        pause = allocate_lock()
        pause.acquire()
        seconds = subscription.first
        while seconds and not self._site.off:
            pause.acquire(timeout=seconds)
            if not self._begun:
                return
            try:
                seconds = self._ask(subscription, sender)
            except Exception as error:
                failed(self._site, error)

    def _opened(self) -> tuple[Subscription, Sender]:
        with fork.opening:
            from autotrace.export.sender import Sender

            subscription = self._subscribe()
            headers = {"Content-Type": "application/json", **subscription.headers}
            sender = Sender(
                subscription.url,
                headers,
                subscription.timeout,
                compress=False,
                answer_limit=ANSWER_LIMIT,
            )
            return subscription, sender

    def _ask(self, subscription: Subscription, sender: Sender) -> float:
        """Puts the question once; the seconds until the next time."""
        body = subscription.question()
        method = "GET" if body is None else "POST"
        answer = sender.send(method, body, subscription.timeout)
        seconds, problem = subscription.answered(answer.status, answer.body)
        problem = problem or answer.problem
        if problem:
            end = "" if seconds else "; it is not asked again"
            line = f"{self.name}: {sender.address}: {problem}{end}. Sampling stays as it is."
            log_once(f"poll.{self.name}", "warning", line, every=SAY_EVERY)
        return seconds
