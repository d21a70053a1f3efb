"""Flask: its entry as a WSGI application, and the route that it found."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.integration import Patches
from autotrace.integrations import wsgi

SITE = integration.site("flask")


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches the application's call and its dispatch."""
    patches.replace(module.Flask, "__call__", wsgi.entry)
    patches.replace(module.Flask, "full_dispatch_request", _dispatch)


def _dispatch(original: Callable[..., Any]) -> Callable[..., Any]:
    def full_dispatch_request(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            recorded = integration.serving_request()
            if recorded is not None and not SITE.off:
                rule = sys.modules["flask.globals"].request.url_rule
                if rule is not None:
                    recorded.route = rule.rule
        except Exception as error:
            integration.failed(SITE, error)
        return original(self, *args, **kwargs)

    return full_dispatch_request
