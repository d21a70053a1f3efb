"""Greenlets of gevent and eventlet: they belong to the call that spawned them, and keep nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import eventlet
import eventlet.tpool
import gevent
import gevent.pool
import gevent.threadpool
import pytest

from autotrace.context import CALL, CURRENT
from tests.contract.agent import Spans
from tests.contract.calls import SAMPLED, TRACE, within


def trace_id() -> str:
    """The trace of the call that runs here and now."""
    call: Any = CURRENT.get().get(CALL)
    return "" if call is None else str(call.trace_id)


def spawned_n() -> list[str]:
    """In a green thread that nobody can wait for."""
    seen: list[str] = []
    done = eventlet.Event()

    def see() -> None:
        seen.append(trace_id())
        done.send()

    eventlet.spawn_n(see)
    done.wait()
    return seen


WAYS: dict[str, Callable[[], Any]] = {
    "gevent.spawn": lambda: gevent.spawn(trace_id).get(),
    "gevent.spawn_later": lambda: gevent.spawn_later(0, trace_id).get(),
    "gevent.pool": lambda: gevent.pool.Pool(2).spawn(trace_id).get(),
    "gevent.pool.map": lambda: gevent.pool.Pool(2).map(lambda _: trace_id(), [1])[0],
    "gevent.threadpool": lambda: gevent.get_hub().threadpool.spawn(trace_id).get(),
    "gevent.executor": lambda: gevent.threadpool.ThreadPoolExecutor(1).submit(trace_id).result(),
    "eventlet.spawn": lambda: eventlet.spawn(trace_id).wait(),
    "eventlet.spawn_after": lambda: eventlet.spawn_after(0, trace_id).wait(),
    "eventlet.spawn_n": lambda: spawned_n()[0],
    "eventlet.pool": lambda: eventlet.GreenPool(2).spawn(trace_id).wait(),
    "eventlet.tpool": lambda: eventlet.tpool.execute(trace_id),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_is_spawned_belongs_to_its_call(way: str, spans: Spans) -> None:
    assert within(WAYS[way], SAMPLED) == TRACE


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_left_for_what_is_spawned_later(way: str, spans: Spans) -> None:
    within(WAYS[way], SAMPLED)
    assert WAYS[way]() == ""
