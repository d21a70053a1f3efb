"""grpc.aio's clients: every call, made of the metadata that the program's interceptors left.

A call ends with its status, which also comes when it is cancelled or nobody holds it any more.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.facts import ClientRequest
from autotrace.integration import Outbound, Patches
from autotrace.integrations import grpc_outbound
from autotrace.integrations.grpc_metadata import Metadata

SITE = integration.site("grpc_aio_client")
# On a call whose instants are noted.
_SPAN = "_autotrace_span"
# The id of a channel's inner half, which is all that a call knows of it -> where it leads; for
# versions whose inner halves do not say. An entry lives as long as the channel.
_TARGETS: dict[int, str] = {}


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches how a call is made, of each of the four kinds, and a channel where it must be."""
    if module.__name__.endswith("_channel"):
        if not hasattr(module.cygrpc.AioChannel, "target"):
            patches.replace(module.Channel, "__init__", _led)
        return
    for name in ("UnaryUnaryCall", "UnaryStreamCall", "StreamUnaryCall", "StreamStreamCall"):
        patches.replace(getattr(module, name), "__init__", _init)
    if integration.notes_instants():
        sent = partial(_noting, "last_upstream_tx_byte_sent")
        patches.replace(module._StreamRequestMixin, "_done_writing", sent)
        received = partial(_noting, "first_upstream_rx_byte_received")
        patches.replace(module._StreamResponseMixin, "_read", received)


def _init(original: Callable[..., None]) -> Callable[..., None]:
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        outbound: Outbound | None = None
        try:
            outbound = None if SITE.off else integration.outbound(_request, (args, kwargs))
            if outbound is not None:
                args = grpc_outbound.put_on(args, kwargs, outbound)
        except Exception as error:
            integration.failed(SITE, error)
        if outbound is None or outbound.span is None:
            return original(self, *args, **kwargs)
        grpc_outbound.note_begin(outbound, type(self).__name__.startswith("Unary"))
        try:
            original(self, *args, **kwargs)
        except BaseException as error:
            _failed(outbound, error)
            raise
        try:
            # Not through the call itself, which would be held by what is called back then, and so
            # not be cancelled when the program drops it.
            if integration.notes_instants():
                setattr(self, _SPAN, outbound.span)
            call = self._cython_call
            call.add_done_callback(partial(_ended, outbound, call))
        except Exception as error:
            integration.failed(SITE, error)
        return None

    return __init__


def _led(original: Callable[..., None]) -> Callable[..., None]:
    def __init__(self: Any, target: str, *args: Any, **kwargs: Any) -> None:
        original(self, target, *args, **kwargs)
        try:
            key = id(self._channel)
            _TARGETS[key] = target
            weakref.finalize(self, _TARGETS.pop, key, None).atexit = False
        except Exception as error:
            integration.failed(SITE, error)

    return __init__


def _noting(instant: str, original: Callable[..., Any]) -> Callable[..., Any]:
    """Notes an instant of a call after one of its steps."""

    async def noting(self: Any) -> Any:
        result = await original(self)
        try:
            span = getattr(self, _SPAN, None)
            if span is not None:
                integration.note(span, instant)
        except Exception as error:
            integration.failed(SITE, error)
        return result

    return noting


def _request(arguments: tuple[tuple[Any, ...], dict[str, Any]]) -> ClientRequest:
    # request, deadline, metadata, credentials, wait_for_ready, channel, method, ...
    args, kwargs = arguments
    channel = args[5] if len(args) > 5 else kwargs["channel"]
    method = args[6] if len(args) > 6 else kwargs["method"]
    target = (
        channel.target.decode() if hasattr(channel, "target") else _TARGETS.get(id(channel), "")
    )
    return grpc_outbound.request(target, method.decode())


def _failed(outbound: Outbound, error: BaseException) -> None:
    try:
        outbound.failed(integration.classify(error, False))
    except Exception as fault:
        integration.failed(SITE, fault)


def _ended(outbound: Outbound, call: Any) -> None:
    try:
        status = call._status
        grpc_outbound.ended(
            outbound,
            int(status.code()),
            status.details() or "",
            call.is_locally_cancelled(),
            _initial_metadata(call),
            status.trailing_metadata(),
        )
    except Exception as error:
        integration.failed(SITE, error)


def _initial_metadata(call: Any) -> Metadata:
    """That of a call that is over, of which there is no other way to ask: a coroutine."""
    try:
        call.initial_metadata().send(None)
    except StopIteration as answer:
        found: Metadata = answer.value
        return found
    return None
