"""Custom tags (Envoy: `envoy.type.tracing.v3.CustomTag`): literal, environment, request header.

Each is made ready once; an empty value means that the tag is not set.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from autotrace.span import Span
from autotrace.tags import CustomTag, Tag

Entry = Mapping[str, Any]


def custom_tags(
    entries: Sequence[Entry], environ: Mapping[str, str] = os.environ
) -> list[CustomTag]:
    """The functions that make the configured tags of a span; of equal names the first counts."""
    made: dict[str, CustomTag] = {}
    for entry in entries:
        tag = _custom_tag(entry, environ)
        if tag is not None:
            made.setdefault(entry["tag"], tag)
    return list(made.values())


def header_names(entries: Sequence[Entry]) -> tuple[str, ...]:
    """The request headers, lower-case, that custom tags read."""
    return tuple(e["request_header"]["name"].lower() for e in entries if "request_header" in e)


def _custom_tag(entry: Entry, environ: Mapping[str, str]) -> CustomTag | None:
    name = entry["tag"]
    if "request_header" in entry:
        header = entry["request_header"]["name"].lower()
        default = entry["request_header"].get("default_value", "")

        def from_header(span: Span) -> Tag | None:
            value = (span.custom_headers or {}).get(header, default)
            return (name, value) if value else None

        return from_header
    if "literal" in entry:
        value = entry["literal"].get("value", "")
    elif "environment" in entry:
        # Read once; a variable that is set but empty leaves the tag out, default or not.
        source = entry["environment"]
        value = environ.get(source["name"], source.get("default_value", ""))
    else:
        return None
    return (lambda span: (name, value)) if value else None
