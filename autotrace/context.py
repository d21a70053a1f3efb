"""The context of the running code: OpenTelemetry's, with one value of ours in it.

Hand-made spans and ours must find each other, so there is only one context variable, and it is
OpenTelemetry's. We read and restore it by value, never through tokens: a token that is reset in
another context (a generator closed by the collector, say) raises, a value does not.
"""

from __future__ import annotations

from typing import Protocol

from opentelemetry import context as api
from opentelemetry.context.context import Context
from opentelemetry.context.contextvars_context import ContextVarsRuntimeContext
from opentelemetry.trace.propagation import _SPAN_KEY

__all__ = ("BAGGAGE", "CALL", "CURRENT", "EMPTY", "OPERATION", "SPAN", "Context", "suppressed")

# Where `opentelemetry.trace.get_current_span` looks.
SPAN: str = _SPAN_KEY
# Where the call that is being served is kept, even while a span of somebody else is current.
CALL = "autotrace-call"

# How a library calls the exchanges that it makes here.
OPERATION = "autotrace-operation"

# Where `opentelemetry.baggage` keeps its entries, once the program has imported it.
BAGGAGE = ""

EMPTY = Context()


class Variable(Protocol):
    """The two methods of `contextvars.ContextVar` that we use."""

    def get(self) -> Context:
        """The current context."""
        ...

    def set(self, value: Context, /) -> object:
        """Makes a context current."""
        ...


class _RuntimeVariable:
    """The same for a runtime context that the program chose by `OTEL_PYTHON_CONTEXT`."""

    def get(self) -> Context:
        """The current context."""
        return api.get_current()

    def set(self, value: Context, /) -> object:
        """Makes a context current."""
        return api.attach(value)


def _variable() -> Variable:
    runtime = getattr(api, "_RUNTIME_CONTEXT", None)
    if type(runtime) is ContextVarsRuntimeContext:
        # The variable itself, which saves two Python calls a read.
        variable: Variable = runtime._current_context
        return variable
    return _RuntimeVariable()


CURRENT: Variable = _variable()


def suppressed(context: Context) -> bool:
    """Whether the program (an exporter of its own, mostly) asked not to be instrumented."""
    return bool(
        context.get("suppress_instrumentation")
        or context.get("suppress_http_instrumentation")
        or any(context.get(key) for key in _SUPPRESS_KEYS)
    )


# Both are made with a random suffix at import, and either may be missing in some version.
_SUPPRESS_KEYS: tuple[str, ...] = tuple(
    key
    for key in (
        getattr(api, "_SUPPRESS_INSTRUMENTATION_KEY", None),
        getattr(api, "_SUPPRESS_HTTP_INSTRUMENTATION_KEY", None),
    )
    if key
)
