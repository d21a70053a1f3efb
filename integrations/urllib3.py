"""urllib3 1.26 and 2: one client span per attempt, from connecting to the end of the body.

`http.client` below writes the headers and sees the body's end; this layer adds what only it knows:
connecting (which for https comes before the request), the attempt's number, and what was raised.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextvars import ContextVar
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.facts import ClientRequest, Response
from autotrace.integration import Exchange, Patches

# The `Retry` that urlopen was called with: urllib3 1.26 does not hand it to `_make_request`.
_retries: ContextVar[Any] = ContextVar("autotrace_urllib3_retries", default=None)


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches the method that both versions call once an attempt."""
    connection = sys.modules[module.__name__.removesuffix("pool")]
    if hasattr(connection, "ResponsePromise"):
        # Loaded here, as few programs have the fork.
        from autotrace.integrations import urllib3_future

        urllib3_future.patch(module, connection, patches, make_request)
        return
    if not integration.makes_spans():
        # Headers are all there is to it, and the layer below writes them.
        return
    pool = module.HTTPConnectionPool
    patches.replace(pool, "_make_request", integration.story("urllib3", make_request))
    if "retries" not in integration.parameters(pool._make_request):
        patches.replace(pool, "urlopen", _urlopen)


def make_request(
    self: Any, conn: Any, method: str, url: str, *args: Any, **kwargs: Any
) -> Generator[Exchange | Response | None, Any, None]:
    """One attempt."""
    retries = kwargs.get("retries") or _retries.get()
    request = ClientRequest(method, self.scheme, self.host, self.port, url, attempt(retries))
    if request.attempt > 1 and _none_left(retries.total, retries.status):
        request.given_up_at = retries.status_forcelist or ()
    try:
        response = yield Exchange(request, conn)
    except Exception as error:
        left = getattr(retries, _counter(error), None)
        if request.attempt > 1 and _none_left(retries.total, left):
            request.given_up_at = (0,)
        raise
    # The fork promises a response where several of them share a connection.
    yield Response(response.status) if hasattr(response, "status") else None


def attempt(retries: Any) -> int:
    """The number of this attempt at the same URL, from 1: what was retried since a redirect."""
    number = 1
    for entry in reversed(getattr(retries, "history", None) or ()):
        if entry.redirect_location:
            break
        number += 1
    return number


def _none_left(*counts: int | bool | None) -> bool:
    # None is no limit, and False is no attempt at all.
    return any(count == 0 and count is not False for count in counts)


def _counter(error: Exception) -> str:
    """By which of its numbers a `Retry` counts an error."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & {"ConnectTimeoutError", "NewConnectionError"}:
        return "connect"
    return "other" if names & {"SSLError", "CertificateError"} else "read"


def _urlopen(original: Callable[..., Any]) -> Callable[..., Any]:
    def urlopen(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = _retries.get()
        # urlopen(method, url, body, headers, retries, ...)
        _retries.set(
            kwargs.get("retries") if "retries" in kwargs else (args[4:5] and args[4]) or None
        )
        try:
            return original(self, *args, **kwargs)
        finally:
            _retries.set(before)

    return urlopen
