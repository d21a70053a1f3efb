"""How a span is read: its name, tags, events and status by the configured rules.

Everything here runs when a span is read or encoded, never while a request is served.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import translate
from typing import Any

from autotrace import envoy_tags, grpc_status, otel_tags
from autotrace.custom_tags import CustomTags
from autotrace.facts import Message, SideCall, Stream
from autotrace.naming import Naming
from autotrace.span import CLIENT, ERROR, UNSET, Event, Span
from autotrace.verbose_events import verbose_events

Tag = tuple[str, Any]
Status = Callable[[int, Mapping[str, Any]], int]

_DEFAULT_NAMES = Naming()


class Reading:
    """The configured rules by which spans are read.

    `style` is `envoy`, `otel` or `both`; `include` and `exclude` are globs over tag names;
    `max_path_length` counts bytes of the path in `http.url`; `verbose` adds Envoy's log events;
    `status` is a tracer's own rule, of the kind and Envoy's fields.
    """

    def __init__(
        self,
        style: str = "envoy",
        node_id: str = "",
        zone: str = "",
        max_path_length: int = 256,
        custom: CustomTags | None = None,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        naming: Naming = _DEFAULT_NAMES,
        verbose: bool = False,
        status: Status | None = None,
    ) -> None:
        self._envoy = style in ("envoy", "both")
        self._otel = style in ("otel", "both")
        self._identity = {
            name: value for name, value in (("node_id", node_id), ("zone", zone)) if value
        }
        self._max_path_length = max_path_length
        self._custom = custom.write if custom else None
        self._include = _globs(include)
        self._exclude = _globs(exclude)
        self._naming = naming
        self._verbose = verbose
        self._status = status

    def name(self, span: Span) -> str:
        """The operation name that the facts and the configuration give."""
        return self._naming.name(span)

    def status(self, span: Span) -> int:
        """ERROR for 500 and above or no answer, and for 4xx where we were the client.

        The rule of Envoy's OpenTelemetry tracer and of the semantic conventions, for gRPC too.
        """
        request = span.request
        if request is None:
            return UNSET
        if self._status is not None:
            fields: dict[str, Any] = {}
            envoy_tags.write(span, fields, 0, self._custom)
            return self._status(span.kind, fields)
        if span.grpc and grpc_status.is_failure(span.kind, span.grpc[-1][0]):
            return ERROR
        if isinstance(request, (Message, SideCall, Stream)):
            return ERROR if span.reason else UNSET
        worst = 400 if span.kind == CLIENT else 500
        failed = span.reason or not span.status or span.status >= worst
        return ERROR if failed else UNSET

    def events(self, span: Span) -> list[Event]:
        """Envoy's log events, where they are wanted."""
        if not self._verbose or span.instants is None:
            return []
        return verbose_events(span.start_ns, span.instants)

    def tags(self, span: Span) -> list[Tag]:
        """All tags of a span; what the program set itself comes last and wins."""
        tags: dict[str, Any] = {}
        if span.request is not None:
            if self._otel:
                otel_tags.write(span, tags)
            if self._envoy:
                if span.kind != CLIENT:
                    tags.update(self._identity)
                envoy_tags.write(span, tags, self._max_path_length, self._custom)
            elif self._custom is not None:
                self._custom(span, tags)
        if span.attributes:
            tags.update(span.attributes)
        if self._include or self._exclude:
            return [tag for tag in tags.items() if self._wanted(tag[0])]
        return list(tags.items())

    def _wanted(self, name: str) -> bool:
        if self._include and not self._include.match(name):
            return False
        return not (self._exclude and self._exclude.match(name))


def _globs(patterns: Sequence[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(translate(pattern) for pattern in patterns)) if patterns else None
