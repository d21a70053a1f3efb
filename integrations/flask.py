"""Flask: its entry as a WSGI application, and the route that it found."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.integration import Inbound, Patches
from autotrace.integrations import wsgi

SITE = integration.site("flask")
_DATA = frozenset((list, tuple))
_NOT_FOUND = 404


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches the application's call and its dispatch."""
    patches.replace(module.Flask, "__call__", wsgi.entry)
    patches.replace(module.Flask, "full_dispatch_request", _dispatch)


def _dispatch(original: Callable[..., Any]) -> Callable[..., Any]:
    def full_dispatch_request(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = None
        try:
            call = None if SITE.off else integration.served_call()
            if call is not None and call.span is not None:
                _tell_route(call)
        except Exception as error:
            integration.failed(SITE, error)
        response = original(self, *args, **kwargs)
        try:
            # werkzeug puts an iterator of its own around a list, in which nothing of the program
            # runs but these callbacks.
            if call is not None and type(response.response) in _DATA:
                call.sends_data = not response._on_close
        except Exception as error:
            integration.failed(SITE, error)
        return response

    return full_dispatch_request


def _tell_route(call: Inbound) -> None:
    request = sys.modules["flask.globals"].request
    if call.span is None:
        return
    if request.url_rule is not None:
        integration.tell_route(call.span, request.url_rule.rule)
    elif getattr(request.routing_exception, "code", None) == _NOT_FOUND:
        integration.tell_no_route(call.span)
