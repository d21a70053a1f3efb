"""Envoy's custom tags in the configuration: a JSON list, each entry a tag and one source.

Fields: https://www.envoyproxy.io/docs/envoy/latest/api-v3/type/tracing/v3/custom_tag.proto
"""

from __future__ import annotations

import json

from autotrace.config import format_string
from autotrace.config.problem import Invalid, suggest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# Source: its required field, its optional one.
FIELDS: dict[str, tuple[str, str]] = {
    "literal": ("value", ""),
    "environment": ("name", "default_value"),
    "request_header": ("name", "default_value"),
}
SOURCES = (*FIELDS, "metadata", "value")
KINDS = ("request", "route", "cluster", "host")
# Envoy reads JSON as protobuf does: names in either spelling.
SPELLINGS = {
    "requestHeader": "request_header",
    "defaultValue": "default_value",
    "metadataKey": "metadata_key",
}


def parse(value: object, complain: Callable[[str], None]) -> tuple[dict[str, Any], ...]:
    """Return the valid entries, the first of each tag's name, as Envoy takes them."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise Invalid(f"a JSON list of tags is wanted ({error}).") from None
    if not isinstance(value, (list, tuple)):
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
    unknown = [source for source in fields if source not in SOURCES]
    if unknown:
        raise Invalid(f'unknown source "{unknown[0]}"; {suggest(unknown[0], SOURCES)}')
    if len(fields) != 1:
        raise Invalid(f"it needs exactly one source out of {', '.join(SOURCES)}.")
    [(source, content)] = fields.items()
    if source == "value":
        return {"tag": name, source: _format(content)}
    if source == "metadata":
        return {"tag": name, source: _metadata(content)}
    return {"tag": name, source: _source(source, content)}


def _source(source: str, content: object) -> dict[str, str]:
    required, optional = FIELDS[source]
    fields = _object(content)
    for field, text in fields.items():
        if field not in (required, optional):
            raise Invalid(f'"{source}" has no field "{field}"; its field is "{required}".')
        if not isinstance(text, str):
            raise Invalid(f'"{field}" of "{source}" is to be a text.')
    if not fields.get(required):
        raise Invalid(f'"{source}" needs "{required}".')
    return fields


def _format(content: object) -> str:
    found = format_string.parse(content, lambda complaint: None)
    if not found:
        raise Invalid('"value" is to be a format, such as %REQ(:METHOD)%.')
    return found


def _metadata(content: object) -> dict[str, Any]:
    fields = _object(content)
    unknown = [name for name in fields if name not in ("kind", "metadata_key", "default_value")]
    if unknown:
        raise Invalid(
            f'"metadata" has no field "{unknown[0]}"; its fields are "kind" and "metadata_key".'
        )
    default = fields.get("default_value", "")
    if not isinstance(default, str):
        raise Invalid('"default_value" of "metadata" is to be a text.')
    key = _object(fields.get("metadata_key"))
    if not isinstance(key.get("key"), str) or not key["key"]:
        raise Invalid('"metadata_key" of "metadata" needs "key", which is a namespace.')
    path = key.get("path", [])
    if not isinstance(path, (list, tuple)):
        raise Invalid('"path" of "metadata_key" is to be a list.')
    steps = [_step(step) for step in path]
    made: dict[str, Any] = {
        "kind": _kind(fields.get("kind")),
        "metadata_key": {"key": key["key"], "path": steps},
    }
    if default:
        made["default_value"] = default
    return made


def _kind(kind: object) -> str:
    """Return the kind, which protobuf writes as an object with one empty field."""
    if isinstance(kind, dict) and len(kind) == 1:
        [kind] = kind
    if not isinstance(kind, str) or kind not in KINDS:
        raise Invalid(f'"kind" of "metadata" is to be one of {", ".join(KINDS)}.')
    return kind


def _step(step: object) -> str:
    """Return a step of a path, which protobuf writes as an object with the field `key`."""
    if isinstance(step, dict) and len(step) == 1:
        step = step.get("key")
    if not isinstance(step, str) or not step:
        raise Invalid('each step of "path" is to be a text.')
    return step


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Invalid("a JSON object is wanted.")
    return {SPELLINGS.get(str(key), str(key)): each for key, each in value.items()}
