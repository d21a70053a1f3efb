"""Event loops: what a call starts belongs to it, and what serves many calls belongs to none."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest

from autotrace import integration
from autotrace.context import CALL, CURRENT
from autotrace.integration import Inbound
from tests.contract.agent import Spans
from tests.contract.calls import SAMPLED, TRACE


def trace_id() -> str:
    """The trace of the call that runs here and now."""
    call: Any = CURRENT.get().get(CALL)
    return "" if call is None else str(call.trace_id)


async def served(handler: Callable[[], Awaitable[Any]], headers: dict[str, str]) -> Any:
    """Runs a handler in a task of its own, as servers of event loops do."""

    async def serve() -> Any:
        inbound = integration.inbound_headers([*headers.items()], lambda: ("", "GET", "/"))
        assert type(inbound) is Inbound
        CURRENT.set(integration.serving(inbound))
        try:
            return await handler()
        finally:
            inbound.finish(200, 0)

    return await asyncio.create_task(serve())


async def in_default_executor() -> str:
    return await asyncio.get_running_loop().run_in_executor(None, trace_id)


async def in_own_executor() -> str:
    with ThreadPoolExecutor(1) as pool:
        return await asyncio.get_running_loop().run_in_executor(pool, trace_id)


async def in_task() -> str:
    async def child() -> str:
        await asyncio.sleep(0)
        return trace_id()

    return await asyncio.create_task(child())


async def by_callback() -> str:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[str] = loop.create_future()
    loop.call_later(0, lambda: future.set_result(trace_id()))
    return await future


async def from_thread() -> str:
    """In a thread, and from there back in the loop."""
    loop = asyncio.get_running_loop()

    async def back() -> str:
        return trace_id()

    def work() -> str:
        return asyncio.run_coroutine_threadsafe(back(), loop).result(10)

    return await asyncio.to_thread(work)


WAYS: dict[str, Callable[[], Awaitable[str]]] = {
    "asyncio.to_thread": lambda: asyncio.to_thread(trace_id),
    "anyio.to_thread": lambda: anyio.to_thread.run_sync(trace_id),
    "the default executor": in_default_executor,
    "another executor": in_own_executor,
    "a task": in_task,
    "call_later": by_callback,
    "a thread and back": from_thread,
}


@pytest.mark.parametrize("way", WAYS)
def test_what_a_call_starts_belongs_to_it(way: str, spans: Spans) -> None:
    async def main() -> None:
        assert await served(WAYS[way], SAMPLED) == TRACE
        # In the same threads, if there are any.
        assert await WAYS[way]() == ""

    asyncio.run(main())


def test_a_task_that_outlives_its_call_still_belongs_to_it(spans: Spans) -> None:
    async def main() -> None:
        go = asyncio.Event()

        async def later() -> tuple[str, str]:
            await go.wait()
            return trace_id(), await asyncio.to_thread(trace_id)

        async def handler() -> asyncio.Task[tuple[str, str]]:
            return asyncio.create_task(later())

        task = await served(handler, SAMPLED)
        spans.one()
        go.set()
        assert await task == (TRACE, TRACE)

    asyncio.run(main())


def test_a_worker_that_serves_many_calls_belongs_to_none(spans: Spans) -> None:
    """It was started by nobody, whoever gives it something to do."""

    async def main() -> None:
        queue: asyncio.Queue[asyncio.Future[str]] = asyncio.Queue()

        async def worker() -> None:
            while True:
                (await queue.get()).set_result(trace_id())

        started = asyncio.create_task(worker())

        async def handler() -> str:
            future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            await queue.put(future)
            return await future

        assert await served(handler, SAMPLED) == ""
        started.cancel()

    asyncio.run(main())


def test_a_generator_may_be_closed_where_no_call_is_served(spans: Spans) -> None:
    """By another task, or by the loop at its end; what is current there stays so."""
    closed: list[str] = []

    async def steps() -> Any:
        try:
            yield trace_id()
            yield "never"
        finally:
            closed.append(trace_id())

    async def main() -> None:
        async def handler() -> Any:
            generator = steps()
            assert await anext(generator) == TRACE
            return generator

        generator = await served(handler, SAMPLED)
        await generator.aclose()
        assert trace_id() == ""
        left = await served(handler, SAMPLED)
        assert left is not None

    asyncio.run(main())
    assert len(closed) == 2 and CURRENT.get() == {}


@pytest.mark.parametrize("way", ["asyncio.to_thread", "anyio.to_thread", "the default executor"])
def test_the_threads_of_a_pool_keep_nothing(way: str, spans: Spans) -> None:
    """They were started within a call, and wait for the next one."""

    async def main() -> None:
        async def handler() -> Any:
            assert await WAYS[way]() == TRACE
            return weakref.ref(CURRENT.get()[CALL])

        call = await served(handler, SAMPLED)
        spans.clear()
        await asyncio.sleep(0)
        gc.collect()
        assert call() is None

    asyncio.run(main())


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_anyio_carries_a_call_into_tasks_and_threads(backend: str, spans: Spans) -> None:
    """With either event loop below it; its threads keep nothing."""
    pytest.importorskip(backend)

    async def handler() -> list[str]:
        seen = [await anyio.to_thread.run_sync(trace_id)]

        async def child() -> None:
            seen.append(trace_id())
            seen.append(await anyio.to_thread.run_sync(anyio.from_thread.run_sync, trace_id))

        async with anyio.create_task_group() as group:
            group.start_soon(child)
        return seen

    async def main() -> Any:
        before = CURRENT.get()
        inbound = integration.inbound_headers([*SAMPLED.items()], lambda: ("", "GET", "/"))
        assert type(inbound) is Inbound
        CURRENT.set(integration.serving(inbound))
        assert await handler() == [TRACE, TRACE, TRACE]
        CURRENT.set(before)
        inbound.finish(200, 0)
        # In the same thread of the pool.
        assert await anyio.to_thread.run_sync(trace_id) == ""
        known = weakref.ref(inbound)
        del inbound
        spans.clear()
        gc.collect()
        return known()

    assert anyio.run(main, backend=backend) is None
