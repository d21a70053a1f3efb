"""Custom tags (Envoy: `envoy.type.tracing.v3.CustomTag`), of the configuration and of its routes.

Each is made ready once; an empty value means that the tag is not set, except for metadata.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from autotrace import metadata, request_header
from autotrace.span import Route, Span

Entry = Mapping[str, Any]
# The value for a span; None leaves the tag out.
Source = Callable[[Span], str | None]


class CustomTags:
    """The configured tags, made ready: those of all spans, and those of each route's spans.

    `configured` is the metadata by kind. The environment is read here and never again.
    """

    def __init__(
        self,
        entries: Sequence[Entry] = (),
        routes: Iterable[Route] = (),
        configured: Mapping[str, Any] | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._sources = _sources(merged(entries, ()), environ, configured or {})
        # Routes are told apart by identity; each is kept, so that no other takes its place.
        self._of_routes = {
            id(route): (
                route,
                _sources(merged(entries, route.custom_tags), environ, configured or {}),
            )
            for route in routes
            if route.custom_tags
        }

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._sources or self._of_routes)

    def write(self, span: Span, tags: dict[str, Any]) -> None:
        """Writes the tags of a span over what is there."""
        sources = self._sources
        if self._of_routes:
            sources = self._of_routes.get(id(span.route_rule), (None, sources))[1]
        for name, source in sources:
            value = source(span)
            if value is not None:
                tags[name] = value


def merged(entries: Iterable[Entry], of_route: Iterable[Entry]) -> list[Entry]:
    """Both lists as one: the first of a name counts, and a route's hides the other's.

    It does so even where it turns out to have no value.
    """
    first: dict[str, Entry] = {}
    for entry in (*of_route, *entries):
        first.setdefault(entry["tag"], entry)
    return list(first.values())


def header_names(entries: Iterable[Entry]) -> tuple[str, ...]:
    """The request headers, lower-case, that custom tags read."""
    found: list[str] = []
    for entry in entries:
        if "request_header" in entry:
            name = entry["request_header"]["name"].lower()
            if name not in request_header.TOLD:
                found.append(name)
        elif "value" in entry:
            from autotrace import format_string

            found += format_string.header_names(entry["value"])
    return tuple(found)


def _sources(
    entries: Iterable[Entry], environ: Mapping[str, str], configured: Mapping[str, Any]
) -> list[tuple[str, Source]]:
    made = ((entry["tag"], _source(entry, environ, configured)) for entry in entries)
    return [(name, source) for name, source in made if source is not None]


def _source(
    entry: Entry, environ: Mapping[str, str], configured: Mapping[str, Any]
) -> Source | None:
    if "request_header" in entry:
        return _request_header(entry["request_header"])
    if "metadata" in entry:
        return _metadata(entry["metadata"], configured)
    if "value" in entry:
        return _formatted(entry["value"], environ, configured)
    if "literal" in entry:
        value = entry["literal"].get("value", "")
    else:
        # A variable that is set but empty leaves the tag out, default or not.
        wanted = entry["environment"]
        value = environ.get(wanted["name"], wanted.get("default_value", ""))
    return (lambda span: value) if value else None


def _request_header(wanted: Entry) -> Source:
    name, default = wanted["name"].lower(), wanted.get("default_value", "")

    def of_header(span: Span) -> str | None:
        found = request_header.value(span, name)
        return (default if found is None else found) or None

    return of_header


def _metadata(wanted: Entry, configured: Mapping[str, Any]) -> Source:
    kind, default = wanted["kind"], wanted.get("default_value") or None
    path = (wanted["metadata_key"]["key"], *wanted["metadata_key"].get("path", ()))

    def of_metadata(span: Span) -> str | None:
        found = metadata.value_of(metadata.of_span(span, kind, configured), path)
        text = metadata.as_text(found)
        return default if text is None else text

    return of_metadata


def _formatted(
    text: str, environ: Mapping[str, str], configured: Mapping[str, Any]
) -> Source | None:
    from autotrace import format_string

    rendered = format_string.made_ready(text, environ, configured)
    return None if rendered is None else lambda span: rendered(span) or None
