"""Standard logging: every record tells which request it was written for.

The fields become attributes when a logger handles a record, after the program has made it: a
record factory would be seen, and fields that are there while a record is made would forbid the
program `extra` of the same names, with a KeyError. What the program calls by our names stays its.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from autotrace import integration
from autotrace.integration import Context, Fields, Patches

SITE = integration.site("logging")
_OURS = "autotrace.integrations."


def patch(module: ModuleType, patches: Patches) -> None:
    """Patches where a logger takes a record, and where handlers format if a format is given."""
    settings = integration.settings()
    if settings is None or settings.log_correlation == "off":
        return
    handle = _handle_with_otel if settings.log_correlation == "otel" else _handle
    patches.replace(module.Logger, "handle", _as_in(module, handle))
    if settings.log_format:
        formatted = _formatted(module, settings.log_format, settings.log_correlation == "otel")
        patches.replace(module.Handler, "format", _as_in(module, formatted))


def _as_in(module: ModuleType, make: Callable[..., Any]) -> Callable[..., Any]:
    """Lets logging skip our frames as it skips its own, when it says where a line was written."""

    def made(original: Callable[..., Any]) -> Any:
        function: Any = make(original)
        file = module.addLevelName.__code__.co_filename
        function.__code__ = function.__code__.replace(co_filename=file)
        return function

    return made


def _fields(record: Any) -> Fields:
    """Those of here and now; of an error that left its call, those of that call.

    Servers tell of an error when the application has returned, but its traceback leads through
    the frame of ours that served the call.
    """
    fields = integration.log_fields()
    if fields[0] or not record.exc_info or type(record.exc_info) is not tuple:
        return fields
    traceback = record.exc_info[2]
    while traceback is not None:
        frame = traceback.tb_frame
        if frame.f_globals.get("__name__", "").startswith(_OURS):
            context = frame.f_locals.get("context")
            if isinstance(context, Context):
                return integration.log_fields(context)
        traceback = traceback.tb_next
    return fields


def _handle(original: Callable[..., Any]) -> Callable[..., Any]:
    def handle(self: Any, record: Any, *args: Any, **kwargs: Any) -> Any:
        if not SITE.off:
            try:
                attributes = record.__dict__
                trace_id, span_id, flags, request_id = _fields(record)
                put = attributes.setdefault
                put("trace_id", trace_id)
                put("span_id", span_id)
                put("trace_flags", flags)
                put("request_id", request_id)
            except Exception as error:
                integration.failed(SITE, error)
        return original(self, record, *args, **kwargs)

    return handle


def _handle_with_otel(original: Callable[..., Any]) -> Callable[..., Any]:
    """The same, and the names of OpenTelemetry's own instrumentation, for formats with these."""
    plain = _handle(original)

    def handle(self: Any, record: Any, *args: Any, **kwargs: Any) -> Any:
        if not SITE.off:
            try:
                attributes = record.__dict__
                trace_id, span_id, flags, _ = _fields(record)
                attributes.setdefault("otelTraceID", trace_id)
                attributes.setdefault("otelSpanID", span_id)
                attributes.setdefault("otelTraceSampled", flags == "01" if flags else "")
            except Exception as error:
                integration.failed(SITE, error)
        return plain(self, record, *args, **kwargs)

    return handle


def _formatted(module: ModuleType, text: str, otel: bool) -> Callable[..., Any]:
    """Formats by the given text in place of plain formatters, and of none."""
    names = (*integration.LOG_NAMES, *(integration.LOG_OTEL_NAMES if otel else ()))
    formatter = module.Formatter(text, defaults=dict.fromkeys(names, ""))

    def around(original: Callable[..., Any]) -> Callable[..., Any]:
        def format(self: Any, record: Any) -> Any:
            own = self.formatter
            if SITE.off or (own is not None and type(own) is not module.Formatter):
                return original(self, record)
            return formatter.format(record)

        return format

    return around
