"""`subprocess`, and what stands on it: children find the trace in their environment, on request.

By header names as variables: `TRACEPARENT`, `BAGGAGE`, `X_REQUEST_ID` and the like, in a copy of
the environment that the child would have had. A trace that the program names itself stays.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.integration import Outbound, Patches

SITE = integration.site("subprocess")
# Popen(args, bufsize, executable, stdin, stdout, stderr, preexec_fn, close_fds, shell, cwd, env)
_INDEX = 10
_PREEXEC_INDEX = 6


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches where a child process is described, if its environment may change."""
    settings = integration.settings()
    if settings is not None and settings.child_environment:
        patches.replace(module.Popen, "__init__", _init)


def _init(original: Callable[..., None]) -> Callable[..., None]:
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            outbound = None if SITE.off else integration.carried_headers()
            if outbound is not None and outbound.pairs:
                if len(args) > _INDEX:
                    env = _told(outbound, args[_INDEX])
                    args = (*args[:_INDEX], env, *args[_INDEX + 1 :])
                # What `preexec_fn` puts into the environment would be lost with one of ours.
                elif kwargs.get("env") is not None or not (
                    kwargs.get("preexec_fn") or any(args[_PREEXEC_INDEX : _PREEXEC_INDEX + 1])
                ):
                    kwargs = {**kwargs, "env": _told(outbound, kwargs.get("env"))}
        except Exception as error:
            integration.failed(SITE, error)
        return original(self, *args, **kwargs)

    return __init__


def _told(outbound: Outbound, given: Any) -> Any:
    """The environment with the trace in it."""
    inherited = os.environ
    if given is None:
        return integration.environment(outbound, inherited)
    own = given.get("TRACEPARENT")
    if own is not None and own != inherited.get("TRACEPARENT"):
        return given
    return integration.environment(outbound, given)
