"""OpenTelemetry's API served by us: a program's `get_tracer(...)` makes spans of ours.

No provider is set. A program that sets one of its own must not find the place taken, and libraries
that look for a provider must see none. Instead the tracers that the API hands out as long as no
provider is set, which would make nothing, make spans of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanKind

from autotrace import context as ctx
from autotrace import guard
from autotrace.span import Span

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from autotrace.core import Core

try:
    # Lets `start_as_current_span` decorate coroutine functions too, as the API's own does.
    from opentelemetry.util._decorator import _agnosticcontextmanager as _manager
except ImportError:  # pragma: no cover - a version that moved it
    _manager = contextmanager  # type: ignore[assignment]


SITE = guard.site("opentelemetry")


class Tracer(trace.Tracer):
    """Makes spans under a name; the core decides whether they are recorded."""

    def __init__(self, core: Callable[[], Core | None], name: str, version: str) -> None:
        self._core = core
        self._name = name
        self._version = version

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Any] | None = None,
        links: Sequence[trace.Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> trace.Span:
        """A span below the current one, or below that of `context`."""
        core = self._core()
        where = ctx.CURRENT.get() if context is None else context
        span: trace.Span | None = None
        if core is not None and not SITE.off:
            try:
                span = core.internal(where, kind.value)
            except Exception as error:
                guard.failed(SITE, error)
        if span is None:
            return NonRecordingSpan(trace.get_current_span(where).get_span_context())
        if isinstance(span, Span):
            span.update_name(name)
            span.scope = self._name
            span.scope_version = self._version
            if start_time:
                span.start_ns = start_time
            if attributes:
                span.set_attributes(attributes)
            for link in links or ():
                span.add_link(link.context, link.attributes)
        return span

    @_manager
    def start_as_current_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Any] | None = None,
        links: Sequence[trace.Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> Iterator[trace.Span]:
        """The same, current within a `with` block or a decorated function."""
        span = self.start_span(name, context, kind, attributes, links, start_time)
        with trace.use_span(span, end_on_exit, record_exception, set_status_on_exception):
            yield span
