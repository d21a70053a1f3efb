"""Quart: its entry as an ASGI application, and the rule that matched."""

from __future__ import annotations

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
        matching = module._BaseRequestWebsocketContext
        patches.replace(matching, "match_request", integration.routed("quart", _rule))


def _error(app: object, error: BaseException) -> BaseException:
    return error


def _rule(found: None, context: Any) -> str | None:
    request = context.request_websocket
    if request.url_rule is not None:
        rule: str = request.url_rule.rule
        return rule
    missing = getattr(request.routing_exception, "code", None) == _NOT_FOUND
    return integration.NO_ROUTE if missing else None
