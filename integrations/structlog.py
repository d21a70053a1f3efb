"""structlog: the fields of the request in each event, unless the program has its own of the name.

Renderers write whatever is in an event, so that lines written outside a request stay as they are.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.integration import Patches

SITE = integration.site("structlog")


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches where an event becomes a dict for the program's processors."""
    settings = integration.settings()
    if settings is not None and settings.log_correlation != "off":
        patches.replace(module.BoundLoggerBase, "_process_event", _process_event)


def _process_event(original: Callable[..., Any]) -> Callable[..., Any]:
    def _process_event(self: Any, method_name: Any, event: Any, event_kw: Any) -> Any:
        if not SITE.off:
            try:
                fields = integration.log_fields()
                if fields[0]:
                    event_kw = {**_missing(self, fields), **event_kw}
            except Exception as error:
                integration.failed(SITE, error)
        return original(self, method_name, event, event_kw)

    return _process_event


def _missing(logger: Any, fields: tuple[str, ...]) -> dict[str, str]:
    """The fields that neither the logger nor structlog's context variables have bound."""
    bound = logger._context
    variables = sys.modules.get("structlog.contextvars")
    around = {} if variables is None else variables.get_contextvars()
    return {
        name: value
        for name, value in zip(integration.LOG_NAMES, fields, strict=True)
        if value and name not in bound and name not in around
    }
