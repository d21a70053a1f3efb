"""Finished spans to every configured destination, and a clean end of the process.

Nothing but these objects exists before the first finished span: no thread, no exit handler, no
connection. A fork's child begins as if it had never sent anything.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from autotrace.export import EXPORTERS, fork
from autotrace.export.destination import Destination, wait
from autotrace.guard import log_once

if TYPE_CHECKING:
    from _thread import LockType

    from autotrace.config import Config
    from autotrace.export.receiver import Receiver
    from autotrace.export.resource import Resource
    from autotrace.span import Span


class Target(Protocol):
    """What the pipeline knows of a destination."""

    name: str

    def put(self, span: Span) -> None: ...
    def flush(self) -> LockType: ...
    def leave(self, deadline: float) -> LockType: ...
    def give_up(self) -> None: ...
    def forget(self) -> None: ...
    def counters(self) -> dict[str, int]: ...


class Pipeline:
    """The way of finished spans out of the process; `put` is its hot path."""

    put: Callable[[Span], None]

    def __init__(self, exit_timeout: float = 2.0) -> None:
        self._exit_timeout = exit_timeout
        self._targets: list[Target] = []
        self._exit_is_watched = False
        self._deadline: float | None = None
        self.put = self._put_to_all
        fork.follow(self)

    def add(self, target: Target) -> None:
        """Sends spans to one destination more."""
        self._targets.append(target)
        # With one destination, as nearly always, a finished span costs one call less.
        self.put = target.put if len(self._targets) == 1 else self._put_to_all

    def flush(self, timeout: float) -> bool:
        """Sends what has ended so far; False when that takes longer than the seconds given."""
        deadline = monotonic() + timeout
        flushed = [target.flush() for target in self._targets]
        return all(wait(done, deadline) for done in flushed)

    def shutdown(self, timeout: float | None = None) -> bool:
        """Sends what is left, within one deadline for all destinations; done at exit by itself.

        Spans that end later are sent by the thread that ends them, within the same deadline.
        """
        if self._deadline is None:
            self._deadline = monotonic() + (self._exit_timeout if timeout is None else timeout)
        deadline = self._deadline
        flushed = [target.leave(deadline) for target in self._targets]
        # Then once more, for what ended meanwhile.
        done = all(wait(each, deadline) for each in flushed) and all(
            wait(target.flush(), deadline) for target in self._targets
        )
        for target in self._targets:
            target.give_up()
        return done

    def counters(self) -> dict[str, dict[str, int]]:
        """What became of the spans of this process, by destination."""
        return {target.name: target.counters() for target in self._targets}

    def watch_exit(self) -> None:
        """Sees to it that the process does not end before what it queued is sent."""
        if self._exit_is_watched:
            return
        self._exit_is_watched = True
        import atexit

        atexit.register(self.shutdown)
        # Its children leave through os._exit, after their finalizers. Not imported by us: where
        # nobody has loaded it, this process is no such child.
        multiprocessing = sys.modules.get("multiprocessing.util")
        if multiprocessing is not None:
            # Among the last: the program's own finalizers may still end spans.
            multiprocessing.Finalize(None, self.shutdown, exitpriority=-1000)

    def forget(self) -> None:
        """Starts anew in a fork's child."""
        self._exit_is_watched = False
        self._deadline = None
        for target in self._targets:
            target.forget()

    def _put_to_all(self, span: Span) -> None:
        for target in self._targets:
            target.put(span)


def build(config: Config, resource: Resource) -> Pipeline:
    """The pipeline that the configuration asks for."""
    pipeline = Pipeline(config.exit_timeout_ms / 1000)
    for name in config.exporter:
        exporter = EXPORTERS.get(name)
        if exporter is None:
            if name != "none":
                line = f'"{name}" is no exporter; AUTOTRACE_EXPORTER takes {", ".join(EXPORTERS)}'
                log_once(f"export.{name}", "warning", line)
        elif exporter.threaded:
            pipeline.add(
                Destination(
                    name,
                    f"{exporter.variable} changes where spans go.",
                    _opener(exporter.opener, config, resource),
                    pipeline.watch_exit,
                    config.max_queue_size,
                    config.max_batch_size,
                    config.flush_interval_ms / 1000,
                )
            )
        else:
            pipeline.add(_load(exporter.opener)())
    return pipeline


def _opener(path: str, config: Config, resource: Resource) -> Callable[[], Receiver]:
    """What the worker calls once in each process."""

    def open_receiver() -> Receiver:
        receiver: Receiver = _load(path)(config, resource.of_this_process())
        return receiver

    return open_receiver


def _load(path: str) -> Any:
    module, _, function = path.partition(":")
    return getattr(import_module(module), function)
