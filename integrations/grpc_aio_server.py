"""grpc.aio's servers: a call lasts as long as the task that serves it.

They are written in Cython, whose functions look each other up by name like Python's. The task has
a context of its own, in which interceptors and the handler run: ours is set in it and never taken
back.
"""

from __future__ import annotations

from asyncio import current_task, iscoroutinefunction
from collections.abc import Awaitable, Callable
from functools import partial
from gc import get_referents
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.integration import CURRENT, Context, Inbound, Patches
from autotrace.integrations import grpc_inbound, grpc_metadata

SITE = integration.site("grpc_aio_server")
# On the inbound call.
CALL = "_autotrace_grpc"


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches where a handler is looked for, is run, and what is sent of its answer."""
    cygrpc = module.cygrpc
    patches.replace(cygrpc, "_find_method_handler", _find_method_handler)
    for name in ("_finish_handler_with_unary_response", "_finish_handler_with_stream_responses"):
        patches.replace(cygrpc, name, _finish_handler)
    patches.replace(cygrpc, "_send_error_status_from_server", partial(_send_error_status, cygrpc))
    patches.replace(cygrpc, "_send_message", partial(_send_message, cygrpc))
    patches.replace(
        cygrpc, "_send_initial_metadata", partial(_send_initial_metadata, cygrpc.RPCState)
    )
    if integration.notes_instants():
        patches.replace(cygrpc, "_receive_message", partial(_receive_message, cygrpc.RPCState))


class _Call:
    """What is learnt of a call that is recorded or has something to tell.

    `begun`: its initial metadata was sent.
    """

    __slots__ = ("begun", "inbound", "late", "message", "size", "status")

    def __init__(self, inbound: Inbound) -> None:
        self.inbound = inbound
        self.status: int | None = None
        self.message = ""
        self.size = 0
        self.late = False
        self.begun = False

    def ended(self, task: object) -> None:
        """Its task is over."""
        try:
            if self.status is None:
                grpc_inbound.left(self.inbound, self.late, self.size > 0, self.size)
            else:
                grpc_inbound.answered(self.inbound, self.status, self.message, self.size)
            # It is held by the context, which may live on in tasks.
            setattr(self.inbound, CALL, None)
        except Exception as error:
            integration.failed(SITE, error)


def _known() -> _Call | None:
    """What is learnt of the call that is being served here."""
    inbound = None if SITE.off else integration.served_call()
    if inbound is None or (inbound.span is None and not inbound.response_headers):
        return None
    return getattr(inbound, CALL, None)


def _find_method_handler(original: Callable[..., Any]) -> Callable[..., Any]:
    # No coroutine: it begins within the task already, and none costs less than one.
    def _find_method_handler(method: str, metadata: Any, *args: Any) -> Any:
        try:
            if not SITE.off:
                _begin(method, metadata)
        except Exception as error:
            integration.failed(SITE, error)
        return original(method, metadata, *args)

    return _find_method_handler


def _begin(method: str, metadata: Any) -> None:
    inbound = integration.entered_metadata(
        metadata or (), grpc_metadata.text, _place, _peer, method, CURRENT.get()
    )
    if inbound is None:
        return
    if isinstance(inbound, Context):
        CURRENT.set(inbound)
        return
    CURRENT.set(integration.serving(inbound))
    if inbound.span is None and not inbound.response_headers:
        return
    grpc_inbound.tell(inbound, method, metadata, "")
    task = current_task()
    if task is not None:
        call = _Call(inbound)
        setattr(inbound, CALL, call)
        task.add_done_callback(call.ended)


def _place(method: str) -> tuple[str, str, str]:
    return "", "POST", method


def _peer(method: str) -> str:
    # Nobody says so before the handler runs.
    return ""


def _finish_handler(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    def _finish_handler(
        rpc_state: Any, handler: Any, request: Any, context: Any, *args: Any
    ) -> Awaitable[Any]:
        call = None
        try:
            call = _known()
            if call is not None:
                grpc_inbound.tell_caller(call.inbound, context.peer(), context.time_remaining())
                if len(args) == 2:
                    # The only answer, which is serialized and sent at once: serializer, loop.
                    args = partial(_serialized, call, args[0]), args[1]
                    if call.inbound.response_headers:
                        handler = _telling(call, handler)
        except Exception as error:
            integration.failed(SITE, error)
        finished = original(rpc_state, handler, request, context, *args)
        return finished if call is None else _finished(call, context, finished)

    return _finish_handler


def _telling(call: _Call, handler: Callable[..., Any]) -> Callable[..., Any]:
    """A handler of a single answer that sends initial metadata, unless it has sent its own.

    gRPC would send none then, where nobody can put ours into it.
    """

    async def awaited(request: Any, context: Any) -> Any:
        answer = await handler(request, context)
        if not call.begun:
            await context.send_initial_metadata(())
        return answer

    def called(request: Any, context: Any) -> Any:
        answer = handler(request, context)
        if not call.begun:
            context.send_initial_metadata(())
        return answer

    # gRPC looks which of both it is.
    return awaited if iscoroutinefunction(handler) else called


def _serialized(call: _Call, serializer: Callable[[Any], bytes] | None, message: Any) -> bytes:
    data: bytes = serializer(message) if serializer else message
    try:
        call.size += grpc_inbound.framed(data)
    except Exception as error:
        integration.failed(SITE, error)
    return data


async def _finished(call: _Call, context: Any, finished: Awaitable[Any]) -> Any:
    try:
        result = await finished
    except BaseException as error:
        try:
            # Of a handler that aborts in another task.
            if type(error).__name__ == "AbortError":
                _tell_status(call, context)
            elif call.status is None:
                call.late = grpc_inbound.is_late(context.time_remaining())
        except Exception as fault:
            integration.failed(SITE, fault)
        raise
    try:
        _tell_status(call, context)
    except Exception as error:
        integration.failed(SITE, error)
    return result


def _tell_status(call: _Call, context: Any) -> None:
    code = context.code()
    call.status = 0 if code is None else grpc_inbound.number(code)
    call.message = context.details()
    grpc_inbound.tell_trailers(call.inbound, context.trailing_metadata())


def _begun(cygrpc: ModuleType, call: _Call, operation: Any) -> Any:
    """The operation that sends initial metadata, with ours; None where that was sent before."""
    if operation is None:
        return None
    call.begun = True
    # It shows nobody what it is made of.
    (metadata,) = get_referents(operation)
    sent = grpc_inbound.begun(call.inbound, metadata)
    return operation if sent is metadata else cygrpc.SendInitialMetadataOperation(sent, 0)


def _send_error_status(cygrpc: ModuleType, original: Callable[..., Any]) -> Callable[..., Any]:
    def _send_error_status_from_server(
        rpc_state: Any, code: Any, details: str, trailers: Any, operation: Any, *args: Any
    ) -> Any:
        try:
            call = _known()
            if call is not None:
                call.status, call.message = int(code), details
                grpc_inbound.tell_trailers(call.inbound, trailers)
                operation = _begun(cygrpc, call, operation)
        except Exception as error:
            integration.failed(SITE, error)
        return original(rpc_state, code, details, trailers, operation, *args)

    return _send_error_status_from_server


def _send_message(cygrpc: ModuleType, original: Callable[..., Any]) -> Callable[..., Any]:
    kind = cygrpc.RPCState

    def _send_message(sender: Any, message: Any, operation: Any, *args: Any) -> Any:
        try:
            # Clients send by the same function.
            if type(sender) is kind:
                call = _known()
                if call is not None:
                    call.size += grpc_inbound.framed(message)
                    operation = _begun(cygrpc, call, operation)
        except Exception as error:
            integration.failed(SITE, error)
        return original(sender, message, operation, *args)

    return _send_message


def _receive_message(kind: type, original: Callable[..., Any]) -> Callable[..., Any]:
    async def _receive_message(receiver: Any, *args: Any) -> Any:
        message = await original(receiver, *args)
        try:
            call = _known() if type(receiver) is kind else None
            if call is not None and call.inbound.span is not None:
                # The last of them counts: a message, or that there is none any more.
                integration.note(call.inbound.span, "last_downstream_rx_byte_received")
        except Exception as error:
            integration.failed(SITE, error)
        return message

    return _receive_message


def _send_initial_metadata(kind: type, original: Callable[..., Any]) -> Callable[..., Any]:
    def _send_initial_metadata(sender: Any, metadata: Any, *args: Any) -> Any:
        try:
            if type(sender) is kind:
                call = _known()
                if call is not None:
                    call.begun = True
                    metadata = grpc_inbound.begun(call.inbound, metadata)
        except Exception as error:
            integration.failed(SITE, error)
        return original(sender, metadata, *args)

    return _send_initial_metadata
