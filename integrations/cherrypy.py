"""CherryPy: its entries as WSGI applications, and a route out of the tree of its page handlers.

A route is the way to the page handler; what the handler is handed of the path is `*`. Of the
`RoutesDispatcher`, which stands on another library, none is known.
"""

from __future__ import annotations

import sys
from inspect import getattr_static
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.integration import Patches
from autotrace.integrations import wsgi


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches the calls of a tree and of its applications, the dispatcher, the answer to errors."""
    if module.__name__ == "cherrypy._cptree":
        patches.replace(module.Tree, "__call__", wsgi.entry)
        patches.replace(module.Tree, "script_name", integration.routed("cherrypy", _mounted))
        patches.replace(module.Application, "__call__", wsgi.entry)
    elif module.__name__ == "cherrypy._cprequest":
        raised = integration.raising("cherrypy", _error)
        patches.replace(module.Request, "handle_error", raised)
    else:
        found = integration.routed("cherrypy", _route)
        patches.replace(module.Dispatcher, "find_handler", found)


def _error(request: object) -> BaseException | None:
    return sys.exc_info()[1]


def _mounted(name: str | None, *args: Any) -> str | None:
    return integration.NO_ROUTE if name is None else None


def _route(found: tuple[Any, list[str]], dispatcher: Any, path: str) -> str | None:
    handler, arguments = found
    if handler is None:
        return integration.NO_ROUTE
    app = sys.modules["cherrypy"].serving.request.app
    names = [name for name in path.split("/") if name]
    walked = names[: len(names) - len(arguments)]
    # Its own `_cp_dispatch` may have taken parts of the path for arguments: those are no node's
    # name. Looked at without running code of the program, as a property or `__getattr__`.
    node, steps = app.root, [app.script_name.rstrip("/")]
    for name in walked:
        child = getattr_static(node, name.translate(dispatcher.translate), None)
        steps.append("*" if child is None else name)
        node = node if child is None else child
    return "/".join([*steps, *("*" for _ in arguments)]) or "/"
