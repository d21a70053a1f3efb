"""Envoy's custom tags in the configuration: a JSON list, each entry a tag and one source.

Fields: https://www.envoyproxy.io/docs/envoy/latest/api-v3/type/tracing/v3/custom_tag.proto
"""

from __future__ import annotations

import json

from autotrace.config.problem import Invalid, suggest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# Source: its required field, its optional one.
SOURCES: dict[str, tuple[str, str]] = {
    "literal": ("value", ""),
    "environment": ("name", "default_value"),
    "request_header": ("name", "default_value"),
}
LATER = ("metadata", "value")
# Envoy reads JSON as protobuf does: names in either spelling.
SPELLINGS = {"requestHeader": "request_header", "defaultValue": "default_value"}


def parse(value: object, complain: Callable[[str], None]) -> tuple[dict[str, Any], ...]:
    """Return the valid entries, the first of each tag's name, as Envoy takes them."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise Invalid(f"a JSON list of tags is wanted ({error}).") from None
    if not isinstance(value, list):
        raise Invalid('a list is wanted, such as [{"tag": "team", "literal": {"value": "red"}}].')
    found: dict[str, dict[str, Any]] = {}
    for position, entry in enumerate(value, start=1):
        try:
            tag = _entry(entry)
            if tag["tag"] in found:
                raise Invalid(f'the name "{tag["tag"]}" was used before, and the first one wins.')
        except Invalid as fault:
            complain(f"entry {position} is left out: {fault}")
        else:
            found[tag["tag"]] = tag
    return tuple(found.values())


def _entry(entry: object) -> dict[str, Any]:
    fields = _object(entry)
    name = fields.pop("tag", None)
    if not isinstance(name, str) or not name:
        raise Invalid('it needs a "tag", which is its name.')
    planned = [source for source in fields if source in LATER]
    if planned:
        raise Invalid(f'the source "{planned[0]}" is not available in this version.')
    unknown = [source for source in fields if source not in SOURCES]
    if unknown:
        raise Invalid(f'unknown source "{unknown[0]}"; {suggest(unknown[0], SOURCES)}')
    if len(fields) != 1:
        raise Invalid(f"it needs exactly one source out of {', '.join(SOURCES)}.")
    [(source, content)] = fields.items()
    return {"tag": name, source: _source(source, content)}


def _source(source: str, content: object) -> dict[str, str]:
    required, optional = SOURCES[source]
    fields = _object(content)
    for field, text in fields.items():
        if field not in (required, optional):
            raise Invalid(f'"{source}" has no field "{field}"; its field is "{required}".')
        if not isinstance(text, str):
            raise Invalid(f'"{field}" of "{source}" is to be a text.')
    if not fields.get(required):
        raise Invalid(f'"{source}" needs "{required}".')
    return fields


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Invalid("a JSON object is wanted.")
    return {SPELLINGS.get(str(key), str(key)): each for key, each in value.items()}
