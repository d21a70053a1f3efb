"""wsgiref: the simple server, CGI, and what derives from its handlers (Django's runserver)."""

from __future__ import annotations

from functools import partial
from types import ModuleType

from autotrace import integration
from autotrace.integration import Patches
from autotrace.integrations import wsgi


def patch(module: ModuleType, patches: Patches) -> None:
    """Hands the application over wrapped when a request is run."""
    # A partial will do: it exists for one request, and nobody but `run` sees it.
    run = integration.argument("wsgiref", "application", 0, partial(partial, wsgi.call))
    patches.replace(module.BaseHandler, "run", run)
