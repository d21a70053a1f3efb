"""Celery: the context travels in a task's headers, and each run of a task is a call.

A task that runs at once where it was called, as in eager mode, is part of that call. What a task
sends on when it has returned (chains, chords, callbacks, retries) it sends within its own call.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.facts import Message
from autotrace.integration import CURRENT, Inbound, Patches

SITE = integration.site("celery")


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches where tasks are sent, where they are run, and where a child process ends."""
    if module.__name__ == "celery.app.base":
        patches.replace(module.Celery, "send_task", _send_task)
    elif module.__name__ == "celery.concurrency.prefork":
        patches.replace(module, "process_destructor", _process_destructor)
    else:
        patches.replace(module, "build_tracer", _build_tracer)


def _send_task(original: Callable[..., Any]) -> Callable[..., Any]:
    def send_task(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            outbound = None if SITE.off else integration.carried_headers()
            if outbound is not None and outbound.pairs:
                given = kwargs.get("headers") or {}
                # A retry hands on the headers that it arrived with.
                kept = {n: v for n, v in given.items() if not outbound.replaces(str(n).lower())}
                kwargs = {**kwargs, "headers": {**kept, **integration.joined(outbound.pairs)}}
        except Exception as error:
            integration.failed(SITE, error)
        return original(self, *args, **kwargs)

    return send_task


def _build_tracer(original: Callable[..., Any]) -> Callable[..., Any]:
    def build_tracer(name: str, task: Any, *args: Any, **kwargs: Any) -> Any:
        trace_task = original(name, task, *args, **kwargs)
        return trace_task if kwargs.get("eager") else _traced(name, trace_task)

    return build_tracer


def _traced(name: str, trace_task: Callable[..., Any]) -> Callable[..., Any]:
    """The function that runs a task; it contains what the task raises and tells of it."""

    def traced(uuid: Any, args: Any, kwargs: Any, request: Any = None) -> Any:
        call: Inbound | None = None
        try:
            call = None if SITE.off else _begun(name, uuid, request or {})
            context = None if call is None else integration.serving(call)
        except Exception as error:
            integration.failed(SITE, error)
            context = None
        if call is None or context is None:
            return trace_task(uuid, args, kwargs, request)
        before = CURRENT.get()
        CURRENT.set(context)
        try:
            ran = trace_task(uuid, args, kwargs, request)
        except BaseException as error:
            _end(call, error)
            raise
        finally:
            CURRENT.set(before)
        _end(call, _raised(ran))
        return ran

    return traced


def _begun(name: str, uuid: Any, request: Any) -> Inbound | None:
    """The call of a task: its message's headers stand among what Celery knows of the request."""
    delivery = request.get("delivery_info") or {}
    queue = delivery.get("routing_key") or ""
    pairs = [(n, v) for n, v in request.items() if type(n) is str and type(v) is str]
    return integration.inbound_message(pairs, Message(name, "celery", str(queue), str(uuid)))


def _raised(ran: Any) -> BaseException | None:
    """What a task has raised, and will not try again."""
    info = ran[1]
    error = getattr(info, "retval", None) if getattr(info, "state", "") == "FAILURE" else None
    # Celery keeps the exception, or one that stands for it, in the description of it.
    error = getattr(error, "exception", error)
    return error if isinstance(error, BaseException) else None


def _end(call: Inbound, error: BaseException | None) -> None:
    try:
        integration.end_message(call, error)
    except Exception as fault:
        integration.failed(SITE, fault)


def _process_destructor(original: Callable[..., Any]) -> Callable[..., Any]:
    def process_destructor(*args: Any, **kwargs: Any) -> Any:
        try:
            return original(*args, **kwargs)
        finally:
            # The child leaves through os._exit, after its last task or when it is told to.
            integration.flush()

    return process_destructor
