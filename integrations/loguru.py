"""loguru: the fields of the request in `extra`, unless the program has its own of the name.

They are always there, empty outside a request, since a format that names a missing one fails.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.integration import Patches

SITE = integration.site("loguru")


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches the one function through which every line goes."""
    settings = integration.settings()
    if settings is None or settings.log_correlation == "off":
        return
    around = module.context

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def _log(self: Any, level: Any, from_decorator: Any, options: Any, *args: Any) -> Any:
            exception, depth, *others, extra = options
            if not SITE.off:
                try:
                    extra = {**extra, **_missing((self._core.extra, around.get(), extra))}
                except Exception as error:
                    integration.failed(SITE, error)
            # The frames are counted from here to the program's; ours is one more.
            options = (exception, depth + 1, *others, extra)
            return original(self, level, from_decorator, options, *args)

        return _log

    patches.replace(module.Logger, "_log", make)


def _missing(bound: tuple[Any, ...]) -> dict[str, str]:
    """The fields that the program has not bound itself."""
    fields = zip(integration.LOG_NAMES, integration.log_fields(), strict=True)
    return {name: value for name, value in fields if not any(name in each for each in bound)}
