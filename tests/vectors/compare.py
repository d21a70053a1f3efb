"""Whether an outcome is what a vector expects; the rules stand in the README of the vectors.

Objects only have to hold what is expected, unless the operation says that they are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Outcome = Mapping[str, Any]

# Operation and key of objects that may hold nothing else.
EXACT = {("custom_tags.merge", "tags"), ("request_id.response", "response_headers")}

_MISSING = "(missing)"


def differences(op: str, expect: Mapping[str, Any], outcome: Outcome) -> list[str]:
    """In what an outcome is not as expected; nothing if it is."""
    found: list[str] = []
    for key, value in expect.items():
        special = SPECIAL.get(key)
        if special is not None:
            found += special(value, outcome, expect)
        else:
            found += _equal(key, value, outcome.get(key, _MISSING), (op, key) in EXACT)
    return found


def _equal(where: str, expected: Any, got: Any, exact: bool = False) -> Iterator[str]:
    """Compares deeply: objects by the expected keys, lists by all elements."""
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        for key, value in expected.items():
            yield from _equal(f"{where}.{key}", value, got.get(key, _MISSING))
        if exact:
            yield from (f"{where}.{key}: is {got[key]!r}" for key in got if key not in expected)
    elif isinstance(expected, list) and isinstance(got, (list, tuple)):
        if len(expected) != len(got):
            yield f"{where}: expected {expected!r}, got {list(got)!r}"
        else:
            for index, (value, other) in enumerate(zip(expected, got, strict=True)):
                yield from _equal(f"{where}[{index}]", value, other)
    elif not _same(where, expected, got):
        yield f"{where}: expected {expected!r}, got {got!r}"


def _same(where: str, expected: Any, got: Any) -> bool:
    if isinstance(expected, bool) or isinstance(got, bool):
        # Python takes 1 for true.
        return expected is got
    if where.endswith("x-forwarded-for") and isinstance(expected, str) and isinstance(got, str):
        return _entries(expected) == _entries(got)
    return bool(expected == got)


def _entries(forwarded_for: str) -> list[str]:
    """The addresses without the blanks after commas, which do not count."""
    return [entry.lstrip(" ") for entry in forwarded_for.split(",")]


def _absent(names: Sequence[str], outcome: Outcome, expect: Outcome) -> Iterator[str]:
    for holder in ("tags", "headers", "json"):
        yield from _present(holder, names, outcome.get(holder))


def _present(where: str, names: Sequence[str], holder: Any) -> Iterator[str]:
    for name in names:
        if isinstance(holder, Mapping) and name in holder:
            yield f"{where}.{name}: must be absent, is {holder[name]!r}"


def _exact(wanted: bool, outcome: Outcome, expect: Outcome) -> Iterator[str]:
    for name in outcome.get("tags", {}):
        if wanted and name not in expect["tags"]:
            yield f"tags.{name}: nothing else is expected, is {outcome['tags'][name]!r}"


def _order(names: Sequence[str], outcome: Outcome, expect: Outcome) -> Iterator[str]:
    got = [name for name in outcome.get("tags", {}) if name in names]
    if got != list(names):
        yield f"order: expected {list(names)!r}, got {got!r}"


def _json(wanted: Mapping[str, Any], outcome: Outcome, expect: Outcome) -> Iterator[str]:
    exact = not expect.get("subset", False)
    yield from _equal("json", wanted, outcome.get("json", _MISSING), exact)


def _falsy(names: Sequence[str], outcome: Outcome, expect: Outcome) -> Iterator[str]:
    got = outcome.get("json", outcome)
    yield from (f"{name}: must be false, is {got[name]!r}" for name in names if got.get(name))


def _absent_annotations(names: Sequence[str], outcome: Outcome, expect: Outcome) -> Iterator[str]:
    json = outcome.get("json", {})
    yield from _present("json.annotations", names, json.get("annotations"))


def _inject(wanted: Mapping[str, str], outcome: Outcome, expect: Outcome) -> Iterator[str]:
    # That nothing is injected is said by an empty object.
    yield from _equal("inject", wanted, outcome.get("inject", _MISSING), exact=not wanted)


def _inject_absent(names: Sequence[str], outcome: Outcome, expect: Outcome) -> Iterator[str]:
    if "inject" not in outcome:
        yield "inject: expected, got nothing"
    yield from _present("inject", names, outcome.get("inject"))


def _tags_header(parts: str | Sequence[str], outcome: Outcome, expect: Outcome) -> Iterator[str]:
    text = outcome.get("headers", {}).get("x-datadog-tags", "")
    for part in [parts] if isinstance(parts, str) else parts:
        if part not in text:
            yield f"headers.x-datadog-tags: expected {part!r} in {text!r}"


def _message(name: str) -> Callable[[Any, Outcome, Outcome], Iterator[str]]:
    """Compares the headers of one message, and what it must not have."""

    def compare(wanted: Any, outcome: Outcome, expect: Outcome) -> Iterator[str]:
        got = outcome.get(name)
        if not isinstance(got, Mapping):
            yield f"{name}: expected {wanted!r}, got {outcome.get(name, _MISSING)!r}"
            return
        yield from _equal(f"{name}.headers", wanted.get("headers", {}), got.get("headers", {}))
        yield from _present(f"{name}.headers", wanted.get("absent", ()), got.get("headers"))

    return compare


def _error(wanted: Any, outcome: Outcome, expect: Outcome) -> Iterator[str]:
    got = outcome.get("error", _MISSING)
    if isinstance(wanted, bool) or got == _MISSING:
        yield from _equal("error", wanted, got)
    elif (wanted is None) != (got is None):
        # Only whether there is one binds; its class is for information.
        yield f"error: expected {wanted!r}, got {got!r}"


def _spans(wanted: list[Any], outcome: Outcome, expect: Outcome) -> Iterator[str]:
    got = outcome.get("spans", _MISSING)
    if not isinstance(got, (list, tuple)) or len(got) != len(wanted):
        yield f"spans: expected {wanted!r}, got {got!r}"
        return
    for index, (span, other) in enumerate(zip(wanted, got, strict=True)):
        where = f"spans[{index}]"
        rest = {key: value for key, value in span.items() if key != "absent"}
        yield from _equal(where, rest, other)
        yield from _present(f"{where}.tags", span.get("absent", ()), other.get("tags"))


def _nothing(wanted: Any, outcome: Outcome, expect: Outcome) -> Iterator[str]:
    """`subset` is read with `json`."""
    return iter(())


SPECIAL: dict[str, Callable[[Any, Outcome, Outcome], Iterator[str]]] = {
    "absent": _absent,
    "absent_annotations": _absent_annotations,
    "downstream_response": _message("downstream_response"),
    "error": _error,
    "exact": _exact,
    "falsy": _falsy,
    "inject": _inject,
    "inject_absent": _inject_absent,
    "json": _json,
    "order": _order,
    "spans": _spans,
    "subset": _nothing,
    "tags_header_contains": _tags_header,
    "upstream_request": _message("upstream_request"),
}
