"""botocore and aiobotocore: what they send is named by service and operation, `S3.GetObject`.

The layers below make the spans. Nothing is put on a request: it is signed by then.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.integration import CURRENT, Context, Patches

SITE = integration.site("botocore")


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches what stands around one attempt on the wire, the signing left out."""
    endpoint = getattr(module, "AioEndpoint", None) or module.Endpoint
    patches.replace(endpoint, "_get_response", _named)


def _named(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def get_response(*args: Any, **kwargs: Any) -> Any:
        before = _name(args, kwargs)
        try:
            return original(*args, **kwargs)
        finally:
            CURRENT.set(before)

    @wraps(original)
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        before = _name(args, kwargs)
        try:
            return await original(*args, **kwargs)
        finally:
            CURRENT.set(before)

    return awaited if inspect.iscoroutinefunction(original) else get_response


def _name(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Context:
    """Makes a context current in which exchanges have a name; the one before."""
    before = CURRENT.get()
    try:
        if not SITE.off and not integration.is_passive():
            # (self, request, operation_model, context)
            model = kwargs["operation_model"] if "operation_model" in kwargs else args[2]
            operation = f"{model.service_model.service_id}.{model.name}"
            CURRENT.set(integration.naming(operation))
    except Exception as error:
        integration.failed(SITE, error)
    return before
