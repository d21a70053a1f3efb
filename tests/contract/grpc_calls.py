"""gRPC without generated code: one service on every kind of server, called by every kind of client.

Servers, channels and callables are made once, before any agent is at work. What a call is to do
stands in its message.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc
import grpc.aio

from autotrace import integration
from autotrace.context import CURRENT, Context
from tests.contract.agent import PATIENCE

SERVICE = "/shop.Orders/"
KINDS = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
CODES = {code.value[0]: code for code in grpc.StatusCode}

Pairs = list[tuple[str, Any]]


class Service:
    """What arrived, and what handlers wait for."""

    def __init__(self) -> None:
        self.arrivals: list[Pairs] = []
        self.begun = threading.Semaphore(0)
        self.left = threading.Semaphore(0)
        self.order: list[str] = []
        self.out: Callable[[str], Any] = str
        self.port = 0

    def clear(self) -> None:
        """Forgets what arrived."""
        self.arrivals.clear()
        self.order.clear()
        self.begun = threading.Semaphore(0)
        self.left = threading.Semaphore(0)

    def arrived(self, context: Any) -> None:
        """Notes the metadata of a call."""
        self.arrivals.append([(key, value) for key, value in context.invocation_metadata()])
        self.begun.release()

    def handler(self, method: str, blocking: bool) -> grpc.RpcMethodHandler | None:
        """The handler of a method, in the kind that its name says."""
        kind = method.removeprefix(SERVICE)
        if kind not in KINDS:
            return None
        make = getattr(grpc, f"{kind}_rpc_method_handler")
        handler: grpc.RpcMethodHandler = make(
            getattr(_Blocking(self) if blocking else _Async(self), kind)
        )
        return handler


class _Blocking:
    """The service in functions and generators."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def act(self, message: bytes, context: Any) -> bytes:
        self.service.arrived(context)
        verb, _, rest = message.decode().partition(" ")
        if verb == "abort":
            context.abort(CODES[int(rest)], "no luck")
        elif verb == "set":
            context.set_code(CODES[int(rest)])
            context.set_details("no luck")
        elif verb == "raise":
            raise ValueError("boom")
        elif verb == "trailing":
            context.set_trailing_metadata((("t", "1"), ("t", "2"), ("t-bin", b"\xff")))
            context.send_initial_metadata((("i", "1"), ("x-envoy-decorator-operation", "theirs")))
        elif verb == "wait":
            context.add_callback(self.service.left.release)
            assert self.service.left.acquire(timeout=PATIENCE)
        elif verb == "out":
            return b"".join(self.service.out(rest))
        return b"done"

    def unary_unary(self, request: bytes, context: Any) -> bytes:
        return self.act(request, context)

    def unary_stream(self, request: bytes, context: Any) -> Iterator[bytes]:
        if request.startswith(b"first "):
            yield b"first"
            request = request[6:]
        yield self.act(request, context)
        yield b"done"

    def stream_unary(self, requests: Iterator[bytes], context: Any) -> bytes:
        first = next(requests)
        for _ in requests:
            pass
        return self.act(first, context)

    def stream_stream(self, requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        first = next(requests)
        for _ in requests:
            pass
        yield from self.unary_stream(first, context)


class _Async:
    """The service in coroutines and asynchronous generators."""

    def __init__(self, service: Service) -> None:
        self.service = service

    async def act(self, message: bytes, context: Any) -> bytes:
        self.service.arrived(context)
        verb, _, rest = message.decode().partition(" ")
        if verb == "abort":
            await context.abort(CODES[int(rest)], "no luck")
        elif verb == "set":
            context.set_code(CODES[int(rest)])
            context.set_details("no luck")
        elif verb == "raise":
            raise ValueError("boom")
        elif verb == "trailing":
            context.set_trailing_metadata((("t", "1"), ("t", "2"), ("t-bin", b"\xff")))
            told = ("x-envoy-decorator-operation", "theirs")
            await context.send_initial_metadata((("i", "1"), told))
        elif verb == "wait":
            try:
                await asyncio.sleep(PATIENCE)
            finally:
                self.service.left.release()
        elif verb == "out":
            return b"".join(await _messages(self.service.out(rest)))
        return b"done"

    async def unary_unary(self, request: bytes, context: Any) -> bytes:
        return await self.act(request, context)

    async def unary_stream(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        if request.startswith(b"first "):
            yield b"first"
            request = request[6:]
        yield await self.act(request, context)
        yield b"done"

    async def stream_unary(self, requests: AsyncIterator[bytes], context: Any) -> bytes:
        received = [request async for request in requests]
        return await self.act(received[0], context)

    async def stream_stream(
        self, requests: AsyncIterator[bytes], context: Any
    ) -> AsyncIterator[bytes]:
        received = [request async for request in requests]
        async for answer in self.unary_stream(received[0], context):
            yield answer


class _Loop:
    """An event loop in a thread of its own, for everything asynchronous."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def run(self, work: Any) -> Any:
        """Runs a coroutine in the context of here."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE)


class Server:
    """One service on one kind of server."""

    def __init__(self, name: str, service: Service, port: int) -> None:
        self.name = name
        self.service = service
        self.target = f"127.0.0.1:{port}"


class Client:
    """One kind of channel to a server."""

    def __init__(self, name: str, loop: _Loop) -> None:
        self.name = name
        self.blocking = name == "grpc"
        self.loop = loop
        self._channels: dict[tuple[str, bool], Any] = {}
        self._callables: dict[tuple[str, bool, str], Any] = {}

    def channel(self, target: str) -> Any:
        """The channel to a target, made once, before there is an agent if that comes first."""
        key = target, self._is_seen()
        if key not in self._channels:
            if self.blocking:
                self._channels[key] = grpc.insecure_channel(target)
            elif threading.current_thread() is self.loop.thread:
                self._channels[key] = grpc.aio.insecure_channel(target)
            else:

                async def made() -> Any:
                    return grpc.aio.insecure_channel(target)

                self._channels[key] = self.loop.run(made())
        return self._channels[key]

    def _is_seen(self) -> bool:
        """Whether there is an agent, where a channel leads somewhere only if one saw it made."""
        told = self.blocking or hasattr(grpc.aio._channel.cygrpc.AioChannel, "target")
        return not told and integration._core is not None

    def callable(self, target: str, kind: str) -> Any:
        """The callable of a method, made once."""
        key = target, self._is_seen(), kind
        if key not in self._callables:
            self._callables[key] = getattr(self.channel(target), kind)(SERVICE + kind)
        return self._callables[key]

    def begin(self, target: str, kind: str, message: str, **options: Any) -> Any:
        """Begins a call; that of a callable which does not block is what it returns."""
        data = message.encode()
        return self.callable(target, kind)(
            iter([data, data]) if kind.startswith("stream") else data, **options
        )

    def send(self, target: str, kind: str, message: str, **options: Any) -> list[bytes]:
        """The messages that a call is answered with."""
        self.callable(target, kind)
        if self.blocking:
            answer = self.begin(target, kind, message, **options)
            return [answer] if kind.endswith("unary") else list(answer)

        async def call() -> list[bytes]:
            return await _messages(self.begin(target, kind, message, **options))

        messages: list[bytes] = self.loop.run(call())
        return messages

    def close(self) -> None:
        """Closes every channel."""
        for channel in self._channels.values():
            if self.blocking:
                channel.close()
            else:
                self.loop.run(channel.close())


async def _messages(call: Any) -> list[bytes]:
    if hasattr(call, "__aiter__"):
        return [message async for message in call]
    return [await call]


# No less than three, with which a context is looked at.
STRANGER = Context({"suppress_instrumentation": True, "a": 1, "b": 2})


def as_stranger(function: Callable[[], Any]) -> Any:
    """Runs a function as somebody whose calls are not traced."""
    before = CURRENT.get()
    CURRENT.set(STRANGER)
    try:
        return function()
    finally:
        CURRENT.set(before)


class Everything:
    """Servers and clients of both kinds."""

    def __init__(self, servers: dict[str, Server], clients: dict[str, Client], loop: _Loop) -> None:
        self.servers = servers
        self.clients = clients
        self.loop = loop


def _rpc(service: Service, blocking: bool) -> grpc.GenericRpcHandler:
    class Found(grpc.GenericRpcHandler):  # type: ignore[misc]
        def service(self, details: Any) -> grpc.RpcMethodHandler | None:
            return service.handler(details.method, blocking)

    return Found()


class _Noting(grpc.ServerInterceptor):  # type: ignore[misc]
    def __init__(self, service: Service, name: str) -> None:
        self.service = service
        self.name = name

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        self.service.order.append(self.name)
        return continuation(details)


class _NotingAsync(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    def __init__(self, service: Service, name: str) -> None:
        self.service = service
        self.name = name

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        self.service.order.append(self.name)
        return await continuation(details)


@contextmanager
def everything() -> Iterator[Everything]:
    """Runs both servers, each with two interceptors, and makes both clients."""
    loop = _Loop()
    clients = {name: Client(name, loop) for name in ("grpc", "grpc.aio")}

    blocking = Service()
    server = grpc.server(
        futures.ThreadPoolExecutor(60),
        (_rpc(blocking, True),),
        interceptors=[_Noting(blocking, "outer"), _Noting(blocking, "inner")],
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    one = Server("grpc", blocking, port)
    blocking.out = lambda kind: clients["grpc"].send(one.target, kind, "ok")

    other = Service()

    async def started() -> tuple[Any, int]:
        server = grpc.aio.server(
            handlers=(_rpc(other, False),),
            interceptors=[_NotingAsync(other, "outer"), _NotingAsync(other, "inner")],
        )
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        return server, port

    aio, port = loop.run(started())
    two = Server("grpc.aio", other, port)
    other.out = lambda kind: clients["grpc.aio"].begin(two.target, kind, "ok")

    for client in clients.values():
        for each in (one, two):
            for kind in KINDS:
                client.callable(each.target, kind)
                client.send(each.target, kind, "ok")
    try:
        yield Everything({"grpc": one, "grpc.aio": two}, clients, loop)
    finally:
        for client in clients.values():
            client.close()
        server.stop(None)
        loop.run(aio.stop(None))
        loop.loop.call_soon_threadsafe(loop.loop.stop)
        loop.thread.join(PATIENCE)
        loop.loop.close()
