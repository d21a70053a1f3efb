"""grpc's servers: a call lasts from its first event to the status or the client's cancellation.

Every call has a `contextvars.Context` of its own there, in which interceptors and the handler run
wherever they do; ours is set in that and never taken back.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import time
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.integration import CURRENT, Context, Inbound, Patches
from autotrace.integrations import grpc_inbound, grpc_metadata

SITE = integration.site("grpc_server")
# On the state of a call that is recorded or has something to tell.
CALL = "_autotrace_call"


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches where a handler is looked for, and where calls are refused and responses made."""
    patches.replace(module, "_find_method_handler", partial(_find_method_handler, module))
    patches.replace(module, "_abort", partial(_abort, module))
    patches.replace(module, "_reject_rpc", _reject_rpc)
    patches.replace(module, "_get_initial_metadata", _get_initial_metadata)
    if integration.notes_instants():
        patches.replace(module, "_receive_message", _receive_message)
    patches.replace(module, "_serialize_response", _serialize_response)


class _Call:
    """What is learnt of a call."""

    __slots__ = ("deadline", "inbound", "message", "size", "status")

    def __init__(self, inbound: Inbound, deadline: float) -> None:
        self.inbound = inbound
        self.deadline = deadline
        # Of a call that fails: gRPC keeps what it sends then nowhere.
        self.status: int | None = None
        self.message: bytes | None = None
        self.size = 0


def _find_method_handler(module: ModuleType, original: Callable[..., Any]) -> Callable[..., Any]:
    def _find_method_handler(rpc_event: Any, state: Any, method: Any, pipeline: Any) -> Any:
        try:
            if not SITE.off:
                _begin(module, rpc_event, state, method)
        except Exception as error:
            integration.failed(SITE, error)
        return original(rpc_event, state, method, pipeline)

    return _find_method_handler


def _begin(module: ModuleType, event: Any, state: Any, method: Any) -> None:
    metadata = event.invocation_metadata
    inbound = integration.entered_metadata(
        metadata or (), grpc_metadata.text, _place, _peer, (event, method), CURRENT.get()
    )
    if inbound is None:
        return
    if isinstance(inbound, Context):
        state.context.run(CURRENT.set, inbound)
        return
    state.context.run(CURRENT.set, integration.serving(inbound))
    deadline: float = event.call_details.deadline
    if inbound.span is not None:
        host, _, name = _place((event, method))
        grpc_inbound.tell(inbound, name, metadata, host)
        call = _Call(inbound, deadline)
        grpc_inbound.tell_caller(inbound, event.call.peer().decode(), deadline - time())
        setattr(state, CALL, call)
        state.callbacks.append(partial(_ended, module, state, call))
    elif inbound.response_headers:
        setattr(state, CALL, _Call(inbound, deadline))


def _place(asked: tuple[Any, Any]) -> tuple[str, str, str]:
    event, method = asked
    details = event.call_details
    # Registered methods, which older versions do not know, come without their name and authority.
    registered = getattr(method, "name", None)
    name = (registered and registered()) or details.method.decode()
    return details.host.decode(), "POST", name


def _peer(asked: tuple[Any, Any]) -> str:
    return grpc_inbound.address(asked[0].call.peer().decode())


def _ended(module: ModuleType, state: Any, call: _Call) -> None:
    """Nothing is under way any more, in either direction."""
    try:
        if state.statused:
            if call.status is None:
                call.status, call.message = int(module._completion_code(state)), state.details
            grpc_inbound.tell_trailers(call.inbound, state.trailing_metadata)
            grpc_inbound.answered(call.inbound, call.status, _text(call.message), call.size)
        else:
            late = grpc_inbound.is_late(call.deadline - time())
            grpc_inbound.left(call.inbound, late, not state.initial_metadata_allowed, call.size)
    except Exception as error:
        integration.failed(SITE, error)


def _text(details: bytes | None) -> str:
    return details.decode("utf-8", "replace") if details else ""


def _abort(module: ModuleType, original: Callable[..., Any]) -> Callable[..., Any]:
    def _abort(state: Any, call: Any, code: Any, details: Any) -> Any:
        try:
            served: _Call | None = getattr(state, CALL, None)
            if served is not None:
                served.status = int(module._abortion_code(state, code))
                served.message = details if state.details is None else state.details
        except Exception as error:
            integration.failed(SITE, error)
        return original(state, call, code, details)

    return _abort


def _receive_message(original: Callable[..., Any]) -> Callable[..., Any]:
    def _receive_message(state: Any, *args: Any) -> Any:
        receive = original(state, *args)
        served: _Call | None = getattr(state, CALL, None)
        span = None if served is None else served.inbound.span
        if span is None:
            return receive

        def received(event: Any) -> Any:
            # The last of them counts: a message, or that there is none any more.
            integration.note(span, "last_downstream_rx_byte_received")
            return receive(event)

        return received

    return _receive_message


def _get_initial_metadata(original: Callable[..., Any]) -> Callable[..., Any]:
    def _get_initial_metadata(state: Any, metadata: Any) -> Any:
        sent = original(state, metadata)
        try:
            served: _Call | None = getattr(state, CALL, None)
            if served is not None:
                return grpc_inbound.begun(served.inbound, sent)
        except Exception as error:
            integration.failed(SITE, error)
        return sent

    return _get_initial_metadata


def _reject_rpc(original: Callable[..., Any]) -> Callable[..., Any]:
    def _reject_rpc(rpc_event: Any, rpc_state: Any, status: Any, details: bytes) -> Any:
        result = original(rpc_event, rpc_state, status, details)
        try:
            served: _Call | None = getattr(rpc_state, CALL, None)
            if served is not None:
                grpc_inbound.answered(served.inbound, int(status), _text(details), 0)
                # Nobody calls it back, and ours holds the state.
                rpc_state.callbacks = []
        except Exception as error:
            integration.failed(SITE, error)
        return result

    return _reject_rpc


def _serialize_response(original: Callable[..., Any]) -> Callable[..., Any]:
    def _serialize_response(rpc_event: Any, state: Any, response: Any, serializer: Any) -> Any:
        data = original(rpc_event, state, response, serializer)
        try:
            served: _Call | None = getattr(state, CALL, None)
            if served is not None and data is not None:
                served.size += grpc_inbound.framed(data)
        except Exception as error:
            integration.failed(SITE, error)
        return data

    return _serialize_response
