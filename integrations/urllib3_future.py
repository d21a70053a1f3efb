"""urllib3.future, urllib3's fork below niquests: HTTP/1.1, 2 and 3, blocking and in coroutines.

It stands on no `http.client`. One client span per attempt: the pool knows connecting and what was
raised, the connection writes the headers, the low-level response sees the end of the body. Where
several exchanges share a connection, its answers are told apart by their promises.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Generator
from functools import wraps
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.facts import ClientRequest, Response
from autotrace.integration import EXCHANGE, Exchange, Outbound, Patches

SITE = integration.site("urllib3_future")
_VERSIONS = {10: "HTTP/1.0", 11: "HTTP/1.1", 20: "HTTP/2", 30: "HTTP/3"}

Tell = Callable[..., Generator["Exchange | Response | None", Any, None]]


def patch(pool: ModuleType, connection: ModuleType, patches: Patches, tell: Tell) -> None:
    """Patches the pools, the connections and the low-level responses of one of the two kinds."""
    backend = f"{pool.__name__.partition('.')[0]}.backend"
    if "._async." in pool.__name__:
        answer = sys.modules[f"{backend}._async._base"].AsyncLowLevelResponse
        made, pools = connection.AsyncHTTPConnection, pool.AsyncHTTPConnectionPool
        story = integration.async_story
    else:
        answer = sys.modules[backend].LowLevelResponse
        made, pools = connection.HTTPConnection, pool.HTTPConnectionPool
        story = integration.story
    patches.replace(pools, "_make_request", story("urllib3_future", tell))
    patches.replace(made, "request", _around(_before_request, _after_request))
    patches.replace(made, "getresponse", _around(_before_nothing, _after_response))
    patches.replace(answer, "_read", _around(_before_nothing, _after_read))
    patches.replace(answer, "close", _around(_before_nothing, _after_read))


Arguments = tuple[tuple[Any, ...], dict[str, Any]]
# Before the function: its own object and arguments; what is kept till afterwards, and arguments.
Before = Callable[[Any, tuple[Any, ...], dict[str, Any]], "tuple[Outbound | None, Arguments]"]
# After it: its object, what was kept, the result if there is one, the error if there is one.
After = Callable[[Any, "Outbound | None", Any, "BaseException | None"], None]


def _around(before: Before, after: After) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Does something before and after a method of either kind, which is called once."""

    def begin(self: Any, args: Any, kwargs: Any) -> tuple[Outbound | None, Arguments]:
        try:
            if not SITE.off:
                return before(self, args, kwargs)
        except Exception as error:
            integration.failed(SITE, error)
        return None, (args, kwargs)

    def end(self: Any, kept: Outbound | None, result: Any, error: BaseException | None) -> None:
        try:
            after(self, kept, result, error)
        except Exception as fault:
            integration.failed(SITE, fault)

    def around(original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def patched(self: Any, *args: Any, **kwargs: Any) -> Any:
            kept, (args, kwargs) = begin(self, args, kwargs)
            try:
                result = original(self, *args, **kwargs)
            except BaseException as error:
                end(self, kept, None, error)
                raise
            end(self, kept, result, None)
            return result

        @wraps(original)
        async def awaited(self: Any, *args: Any, **kwargs: Any) -> Any:
            kept, (args, kwargs) = begin(self, args, kwargs)
            try:
                result = await original(self, *args, **kwargs)
            except BaseException as error:
                end(self, kept, None, error)
                raise
            end(self, kept, result, None)
            return result

        return awaited if inspect.iscoroutinefunction(original) else patched

    return around


def _before_nothing(
    self: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Outbound | None, Arguments]:
    return None, (args, kwargs)


def _before_request(
    connection: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Outbound | None, Arguments]:
    """Begins an exchange, or goes on with the pool's, and puts the headers on: a copy of them."""
    outbound: Outbound | None = getattr(connection, EXCHANGE, None)
    setattr(connection, EXCHANGE, None)
    if outbound is None or outbound.on_wire:
        outbound = integration.outbound(_described, (connection, *args[:2]))
    if outbound is None:
        return None, (args, kwargs)
    outbound.on_wire = True
    # request(method, url, body, headers)
    given = args[3] if len(args) > 3 else kwargs.get("headers")
    headers = _with_ours(given, args[:2], outbound)
    if len(args) > 3:
        args = (*args[:3], headers, *args[4:])
    else:
        kwargs = {**kwargs, "headers": headers}
    return outbound, (args, kwargs)


def _described(asked: tuple[Any, str, str]) -> ClientRequest:
    connection, method, target = asked
    scheme = "https" if connection.default_port == 443 else "http"
    return ClientRequest(method, scheme, connection.host, connection.port, target)


class _Headers(dict[str, str]):
    """Headers of which some may be repeated, as the connection reads them: by `items`."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs

    def items(self) -> Any:
        """All of them, in their order."""
        return self.pairs


def _with_ours(given: Any, line: tuple[Any, ...], outbound: Outbound) -> Any:
    pairs = [(_text(name), _text(value)) for name, value in given.items()] if given else []
    head = "\n".join([" ".join(map(str, line)), *(f"{name}: {value}" for name, value in pairs)])
    if integration.is_signed(head.lower()):
        return given
    outbound = outbound.beside([(name.lower(), value) for name, value in pairs])
    kept = [pair for pair in pairs if not outbound.replaces(pair[0].lower())]
    return _Headers([*kept, *outbound.pairs])


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _after_request(
    connection: Any, outbound: Outbound | None, promise: Any, error: BaseException | None
) -> None:
    if outbound is None or outbound.span is None:
        return
    if error is not None:
        _failed(outbound, error, connection.sock is not None)
        return
    if connection.sock is not None:
        outbound.span.peer = connection.sock.getpeername()
    setattr(promise, EXCHANGE, outbound)


def _after_response(
    connection: Any, kept: Outbound | None, response: Any, error: BaseException | None
) -> None:
    """The head of an answer is there, and maybe all of it; what failed is told by the pool."""
    if response is None:
        return
    answer = response._original_response
    outbound: Outbound | None = getattr(answer.from_promise, EXCHANGE, None)
    if outbound is None:
        return
    delattr(answer.from_promise, EXCHANGE)
    headers = integration.response_headers([*response.headers.items()])
    protocol = _VERSIONS.get(response.version, "")
    outbound.answered(Response(response.status, protocol, headers=headers))
    # What follows an upgrade is another protocol.
    if answer.closed or response.status == 101:
        outbound.end()
    else:
        setattr(answer, EXCHANGE, outbound)


def _after_read(
    answer: Any, kept: Outbound | None, result: Any, error: BaseException | None
) -> None:
    outbound: Outbound | None = vars(answer).get(EXCHANGE)
    if outbound is None or not (error or answer.closed):
        return
    delattr(answer, EXCHANGE)
    if error is not None:
        outbound.failed(integration.classify(error, connected=True))
    outbound.end()


def _failed(outbound: Outbound, error: BaseException, connected: bool) -> None:
    if not outbound.owned_above:
        outbound.failed(integration.classify(error, connected))
