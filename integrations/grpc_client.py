"""grpc's clients: every call from the innermost callable on, whatever interceptors surround it.

A call that blocks ends when it returns; any other when its state says so, which also happens when
it is cancelled or nobody holds it any more.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.facts import ClientRequest
from autotrace.integration import CURRENT, Outbound, Patches
from autotrace.integrations import grpc_outbound

SITE = integration.site("grpc_client")
# On the state of a call whose instants are noted.
_SPAN = "_autotrace_span"
# That span, while its call is being started.
_starting: ContextVar[Any] = ContextVar("autotrace_grpc_starting", default=None)
_BLOCKING = ("_UnaryUnaryMultiCallable", "_StreamUnaryMultiCallable")
_STREAMING = (
    "_UnaryStreamMultiCallable",
    "_SingleThreadedUnaryStreamMultiCallable",
    "_StreamStreamMultiCallable",
)


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches every way to begin a call, and where its events are handled."""
    for name in _BLOCKING:
        patches.replace(getattr(module, name), "_blocking", _blocking)
        patches.replace(getattr(module, name), "future", _started)
    for name in _STREAMING:
        patches.replace(getattr(module, name), "__call__", _started)
    patches.replace(module, "_event_handler", _event_handler)
    if integration.notes_instants():
        types = module.cygrpc.OperationType
        noted = partial(_handle_event, types.send_close_from_client, types.receive_initial_metadata)
        patches.replace(module, "_handle_event", noted)


def _begin(callable: Any) -> Outbound | None:
    return None if SITE.off else integration.outbound(_request, callable)


def _request(callable: Any) -> ClientRequest:
    return grpc_outbound.request(callable._channel.target().decode(), callable._method.decode())


def _blocking(original: Callable[..., Any]) -> Callable[..., Any]:
    def _blocking(self: Any, *args: Any, **kwargs: Any) -> Any:
        outbound: Outbound | None = None
        try:
            outbound = _begin(self)
            if outbound is not None:
                args = grpc_outbound.put_on(args, kwargs, outbound)
        except Exception as error:
            integration.failed(SITE, error)
        if outbound is None or outbound.span is None:
            return original(self, *args, **kwargs)
        _note_begin(self, outbound)
        try:
            result = original(self, *args, **kwargs)
        except BaseException as error:
            _failed(outbound, error)
            raise
        _ended(outbound, result[0])
        return result

    return _blocking


def _started(original: Callable[..., Any]) -> Callable[..., Any]:
    def started(self: Any, *args: Any, **kwargs: Any) -> Any:
        outbound: Outbound | None = None
        try:
            outbound = _begin(self)
            if outbound is not None:
                args = grpc_outbound.put_on(args, kwargs, outbound)
        except Exception as error:
            integration.failed(SITE, error)
        if outbound is None or outbound.span is None:
            return original(self, *args, **kwargs)
        _note_begin(self, outbound)
        if integration.notes_instants():
            _starting.set(outbound.span)
        try:
            call = original(self, *args, **kwargs)
        except BaseException as error:
            _failed(outbound, error)
            raise
        finally:
            if integration.notes_instants():
                _starting.set(None)
        try:
            state = call._state
            if not call.add_callback(partial(_ended, outbound, state)):
                _ended(outbound, state)
        except Exception as error:
            integration.failed(SITE, error)
        return call

    return started


def _note_begin(callable: Any, outbound: Outbound) -> None:
    grpc_outbound.note_begin(outbound, "_Stream" not in type(callable).__name__)


def _handle_event(sent: int, begun: int, original: Callable[..., Any]) -> Callable[..., Any]:
    """Notes instants of calls that do not block; `sent`, `begun` are the types of operations."""

    def _handle_event(event: Any, state: Any, *args: Any) -> Any:
        handled = original(event, state, *args)
        try:
            span = getattr(state, _SPAN, None)
            if span is not None:
                types = [operation.type() for operation in event.batch_operations]
                if begun in types:
                    integration.note(span, "first_upstream_rx_byte_received")
                if sent in types and len(types) == 1:
                    integration.note(span, "last_upstream_tx_byte_sent")
        except Exception as error:
            integration.failed(SITE, error)
        return handled

    return _handle_event


def _failed(outbound: Outbound, error: BaseException) -> None:
    try:
        outbound.failed(integration.classify(error, False))
    except Exception as fault:
        integration.failed(SITE, fault)


def _ended(outbound: Outbound, state: Any) -> None:
    try:
        code = state.code
        number = 2 if code is None else code.value[0]
        grpc_outbound.ended(
            outbound,
            number,
            state.details or "",
            state.cancelled,
            state.initial_metadata,
            state.trailing_metadata,
        )
    except Exception as error:
        integration.failed(SITE, error)


def _event_handler(original: Callable[..., Any]) -> Callable[..., Any]:
    # The thread that handles a channel's events was started by some call, and keeps its context.
    # What the program wants done after a call belongs to that call.
    def _event_handler(*args: Any, **kwargs: Any) -> Any:
        handle = original(*args, **kwargs)
        context = CURRENT.get()
        span = _starting.get()
        if span is not None:
            # Before the first event.
            setattr(args[0], _SPAN, span)

        def handle_event(event: Any) -> Any:
            before = CURRENT.get()
            CURRENT.set(context)
            try:
                return handle(event)
            finally:
                CURRENT.set(before)

        return handle_event

    return _event_handler
