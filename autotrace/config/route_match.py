"""The `match` of a route in the configuration: a path, and headers.

A condition that cannot be looked at makes the whole route invalid: without it, too much would fit.
https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto
"""

from __future__ import annotations

import re

from autotrace.config.problem import Invalid, suggest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

PATHS = ("prefix", "path", "path_separated_prefix", "safe_regex")
FIELDS = (*PATHS, "case_sensitive", "headers", "grpc")
# Envoy has them; no process can see what they ask for, or we do not look.
UNSEEN = (
    *("query_parameters", "cookies", "runtime_fraction", "tls_context", "dynamic_metadata"),
    *("filter_state", "connect_matcher", "path_match_policy"),
)

TEXTS = ("exact", "prefix", "suffix", "contains", "safe_regex")
# Older spelling of a header's condition -> field of `string_match`.
OLDER = {f"{name}_match": name for name in TEXTS}
OPTIONS = ("invert_match", "treat_missing_header_as_empty")
HEADER = ("name", "string_match", "present_match", "range_match", *OLDER, *OPTIONS)
PSEUDO = (":method", ":path", ":authority")


def fields_of(value: object, known: Iterable[str], strict: str = "") -> dict[str, Any]:
    """Return an object's fields in snake case, where protobuf's JSON has camel case.

    `strict`: the name of the object where a field that is not known makes it invalid.
    """
    if not isinstance(value, dict):
        raise Invalid("a JSON object is wanted.")
    known = tuple(known)
    fields = {}
    for key, content in value.items():
        name = str(key)
        snake = "".join(f"_{sign.lower()}" if sign.isupper() else sign for sign in name)
        fields[snake if snake in known else name] = content
    if strict:
        for name in fields:
            if name not in known:
                raise Invalid(f'"{strict}" has no field "{name}"; {suggest(name, known)}')
    return fields


def text(name: str, value: object) -> str:
    """Return a text that is not empty."""
    if not isinstance(value, str) or not value:
        raise Invalid(f'"{name}" is to be a text.')
    return value


def match(value: object) -> dict[str, Any]:
    """Return the conditions of a route, each in one spelling."""
    fields = fields_of(value, (*FIELDS, *UNSEEN))
    for name in UNSEEN:
        if name in fields:
            raise Invalid(f'"{name}" of "match" cannot be looked at here.')
    fields = fields_of(fields, FIELDS, strict="match")
    paths = [name for name in PATHS if name in fields]
    if len(paths) != 1:
        raise Invalid(f'"match" needs exactly one out of {", ".join(PATHS)}.')
    [kind] = paths
    made: dict[str, Any] = {kind: _text_or_regex(kind, fields[kind])}
    if not _yes_or_no("case_sensitive", fields.get("case_sensitive", True)):
        if kind == "safe_regex":
            raise Invalid('"case_sensitive" has no effect on "safe_regex"; write (?i) into it.')
        made["case_sensitive"] = False
    headers = fields.get("headers") or []
    if not isinstance(headers, (list, tuple)):
        raise Invalid('"headers" of "match" is to be a list.')
    if headers:
        made["headers"] = [_header(each) for each in headers]
    if fields.get("grpc") is not None:
        made["grpc"] = {}
    return made


def _header(value: object) -> dict[str, Any]:
    fields = fields_of(value, HEADER, strict="headers")
    name = text("name", fields.pop("name", "")).lower()
    if name.startswith(":") and name not in PSEUDO:
        raise Invalid(f'the header "{name}" cannot be looked at here; known: {", ".join(PSEUDO)}.')
    made: dict[str, Any] = {"name": name}
    for option in OPTIONS:
        if _yes_or_no(option, fields.pop(option, False)):
            made[option] = True
    if len(fields) > 1:
        raise Invalid(f'the header "{name}" has more than one condition.')
    # Without a condition, the header has only to be there.
    condition, content = next(iter(fields.items()), ("present_match", True))
    if condition == "present_match":
        made[condition] = _yes_or_no(condition, content)
    elif condition == "range_match":
        made[condition] = _range(content)
    elif condition == "string_match":
        made[condition] = _string(content)
    else:
        older = OLDER[condition]
        made["string_match"] = {older: _text_or_regex(older, content)}
    return made


def _string(value: object) -> dict[str, Any]:
    fields = fields_of(value, (*TEXTS, "ignore_case"), strict="string_match")
    ignore_case = _yes_or_no("ignore_case", fields.pop("ignore_case", False))
    if len(fields) != 1:
        raise Invalid(f'"string_match" needs exactly one out of {", ".join(TEXTS)}.')
    [(kind, content)] = fields.items()
    made: dict[str, Any] = {kind: _text_or_regex(kind, content)}
    if ignore_case and kind != "safe_regex":
        made["ignore_case"] = True
    return made


def _text_or_regex(kind: str, content: object) -> Any:
    if kind != "safe_regex":
        # An empty text is a condition too: it fits an empty value, or everything.
        if not isinstance(content, str):
            raise Invalid(f'"{kind}" is to be a text.')
        return content
    fields = fields_of(content, ("regex", "google_re2"), strict=kind)
    pattern = text("regex", fields.get("regex", ""))
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise Invalid(f'"{pattern}" is no regular expression ({error}).') from None
    return {"regex": pattern}


def _range(content: object) -> dict[str, int]:
    fields = fields_of(content, ("start", "end"), strict="range_match")
    bounds = {}
    for name in ("start", "end"):
        try:
            bounds[name] = int(str(fields.get(name, 0)))
        except ValueError:
            raise Invalid(f'"{name}" of "range_match" is to be a whole number.') from None
    return bounds


def _yes_or_no(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise Invalid(f'"{name}" is true or false.')
    return value
