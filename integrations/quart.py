"""Quart: its entry as an ASGI application, and the rule that matched."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from operator import attrgetter
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.integration import Patches
from autotrace.integrations import asgi

_NOT_FOUND = 404


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches the application's call, what becomes of its exceptions, and where rules match."""
    if module.__name__ == "quart.app":
        patches.replace(module.Quart, "__call__", asgi.entry)
        raised = integration.raising("quart", _error)
        patches.replace(module.Quart, "handle_exception", raised)
    else:
        # 0.23 has a single class of contexts, and another name for what they are of.
        merged = not hasattr(module, "_BaseRequestWebsocketContext")
        matching = module.AppContext if merged else module._BaseRequestWebsocketContext
        read = partial(_rule, attrgetter("_request_websocket" if merged else "request_websocket"))
        patches.replace(matching, "match_request", integration.routed("quart", read))


def _error(app: object, *arguments: Any) -> BaseException:
    # The last one, from 0.23 on after the context.
    error: BaseException = arguments[-1]
    return error


def _rule(of: Callable[[Any], Any], found: None, context: Any) -> str | None:
    request = of(context)
    if request.url_rule is not None:
        rule: str = request.url_rule.rule
        return rule
    missing = getattr(request.routing_exception, "code", None) == _NOT_FOUND
    return integration.NO_ROUTE if missing else None
