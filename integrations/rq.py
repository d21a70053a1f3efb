"""RQ: the context travels with a job, in a field of its own beside RQ's, and each run is a call.

`job.meta` is the program's. A job that runs at once where it is enqueued is part of that call.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.facts import Message
from autotrace.integration import CURRENT, Patches

SITE = integration.site("rq")
# On a job, and in the hash that Redis keeps of it.
_CARRIED = "_autotrace_headers"
_FIELD = "autotrace_headers"
# On a job while it runs: what it raised.
_RAISED = "_autotrace_raised"


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches where a job is made, stored and read back, and where a worker runs it."""
    if module.__name__ == "rq.job":
        patches.replace(module.Job, "create", _create)
        patches.replace(module.Job, "to_dict", _to_dict)
        patches.replace(module.Job, "restore", _restore)
        return
    # By version the one or the other class has it, in one module or the other.
    for kind in (getattr(module, name, None) for name in ("BaseWorker", "Worker")):
        if kind is not None and "perform_job" in vars(kind):
            patches.replace(kind, "perform_job", _perform_job)
            patches.replace(kind, "handle_exception", _handle_exception)


def _create(original: Callable[..., Any]) -> Callable[..., Any]:
    def create(cls: Any, *args: Any, **kwargs: Any) -> Any:
        job = original(cls, *args, **kwargs)
        try:
            outbound = None if SITE.off else integration.carried_headers()
            if outbound is not None and outbound.pairs:
                setattr(job, _CARRIED, json.dumps(outbound.pairs))
        except Exception as error:
            integration.failed(SITE, error)
        return job

    return create


def _to_dict(original: Callable[..., Any]) -> Callable[..., Any]:
    def to_dict(self: Any, *args: Any, **kwargs: Any) -> Any:
        fields = original(self, *args, **kwargs)
        carried = getattr(self, _CARRIED, None)
        if carried is not None and isinstance(fields, dict):
            fields[_FIELD] = carried
        return fields

    return to_dict


def _restore(original: Callable[..., Any]) -> Callable[..., Any]:
    def restore(self: Any, raw_data: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            carried = raw_data.get(_FIELD) or raw_data.get(_FIELD.encode())
            if carried:
                setattr(self, _CARRIED, carried.decode() if type(carried) is bytes else carried)
        except Exception as error:
            integration.failed(SITE, error)
        return original(self, raw_data, *args, **kwargs)

    return restore


def _perform_job(original: Callable[..., Any]) -> Callable[..., Any]:
    def perform_job(self: Any, job: Any, queue: Any, *args: Any, **kwargs: Any) -> Any:
        call = context = None
        try:
            if not SITE.off:
                pairs = json.loads(getattr(job, _CARRIED, "[]"))
                message = Message(job.func_name or "", "rq", queue.name, job.id)
                call = integration.inbound_message(pairs, message)
                context = None if call is None else integration.serving(call)
        except Exception as error:
            integration.failed(SITE, error)
        if call is None or context is None:
            return original(self, job, queue, *args, **kwargs)
        before = CURRENT.get()
        CURRENT.set(context)
        try:
            return original(self, job, queue, *args, **kwargs)
        finally:
            CURRENT.set(before)
            try:
                integration.end_message(call, job.__dict__.pop(_RAISED, None))
                if self.is_horse:
                    # Its process does one job and leaves through os._exit.
                    integration.flush()
            except Exception as error:
                integration.failed(SITE, error)

    return perform_job


def _handle_exception(original: Callable[..., Any]) -> Callable[..., Any]:
    def handle_exception(self: Any, job: Any, *exc_info: Any, **kwargs: Any) -> Any:
        try:
            setattr(job, _RAISED, exc_info[1])
        except Exception as error:
            integration.failed(SITE, error)
        return original(self, job, *exc_info, **kwargs)

    return handle_exception
