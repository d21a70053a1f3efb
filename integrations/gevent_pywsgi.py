"""gevent.pywsgi. By the time it is imported gevent has imported all that waking the agent takes."""

from __future__ import annotations

from types import ModuleType

from autotrace import integration
from autotrace.integration import Patches
from autotrace.integrations import wsgi


def patch(module: ModuleType, patches: Patches) -> None:
    """Hands the application over wrapped when a server is made."""
    init = integration.argument("gevent_pywsgi", "application", 1, wsgi.handed_over)
    patches.replace(module.WSGIServer, "__init__", init)
