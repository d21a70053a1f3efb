"""Whether a request fits the `match` of a route: its path, and its headers.

https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autotrace.headers import Known

Test = Callable[[str], object]
# Method, host, path and headers of a request.
Request = tuple[str, str, str, "Known"]
HeaderTest = Callable[[Request], bool]

_PSEUDO = {":method": 0, ":authority": 1, ":path": 2}
_CONTENT_TYPE = "content-type"
_GRPC = "application/grpc"


def path_test(match: Mapping[str, Any]) -> Test:
    """The test of a path without its query."""
    flags = 0 if match.get("case_sensitive", True) else re.IGNORECASE
    if "safe_regex" in match:
        return re.compile(match["safe_regex"]["regex"]).fullmatch
    if "path_separated_prefix" in match:
        # Whole segments: `/api` fits `/api/v1`, not `/apis`.
        prefix = re.escape(match["path_separated_prefix"])
        return re.compile(rf"{prefix}(?=/|\Z)", flags).match
    if "path" in match:
        path: str = match["path"]
        return re.compile(re.escape(path), flags).fullmatch if flags else path.__eq__
    prefix = match["prefix"]
    if flags:
        return re.compile(re.escape(prefix), flags).match
    return lambda path: path.startswith(prefix)


def header_tests(match: Mapping[str, Any]) -> tuple[HeaderTest, ...]:
    """The tests of the headers, which all have to hold."""
    tests = [_header_test(each) for each in match.get("headers", ())]
    if "grpc" in match:
        tests.append(_is_grpc)
    return tuple(tests)


def header_names(match: Mapping[str, Any]) -> set[str]:
    """The request headers that the tests read."""
    names = {each["name"] for each in match.get("headers", ())} - _PSEUDO.keys()
    return names | {_CONTENT_TYPE} if "grpc" in match else names


def _header_test(condition: Mapping[str, Any]) -> HeaderTest:
    name: str = condition["name"]
    inverted = condition.get("invert_match", False)
    missing = "" if condition.get("treat_missing_header_as_empty") else None
    part = _PSEUDO.get(name)
    if "present_match" in condition:
        wanted = condition["present_match"] is not inverted
        return lambda request: (_value(request, name, part, missing) is not None) is wanted
    test = _value_test(condition)

    def holds(request: Request) -> bool:
        value = _value(request, name, part, missing)
        # A condition on the value of a header that is not there does not hold, inverted or not.
        return value is not None and bool(test(value)) is not inverted

    return holds


def _value(request: Request, name: str, part: int | None, missing: str | None) -> str | None:
    if part is not None:
        return str(request[part])
    known = request[3]
    # A header that came in several lines is one list.
    return ",".join(known.all(name)) if name in known else missing


def _value_test(condition: Mapping[str, Any]) -> Test:
    if "range_match" in condition:
        start, end = condition["range_match"]["start"], condition["range_match"]["end"]
        return lambda value: (number := _whole(value)) is not None and start <= number < end
    fields = condition["string_match"]
    if "safe_regex" in fields:
        return re.compile(fields["safe_regex"]["regex"]).fullmatch
    ignores_case = fields.get("ignore_case", False)
    [(kind, text)] = [each for each in fields.items() if each[0] != "ignore_case"]
    test = _TEXT_TESTS[kind]
    if ignores_case:
        lower = text.lower()
        return lambda value: test(value.lower(), lower)
    return lambda value: test(value, text)


_TEXT_TESTS: dict[str, Callable[[str, str], bool]] = {
    "exact": str.__eq__,
    "prefix": str.startswith,
    "suffix": str.endswith,
    "contains": str.__contains__,
}


def _whole(value: str) -> int | None:
    """A header's whole number, as short as a 64-bit one is."""
    digits = value.removeprefix("-")
    if len(digits) < 20 and digits.isascii() and digits.isdigit():
        return int(value)
    return None


def _is_grpc(request: Request) -> bool:
    kind = request[3].get(_CONTENT_TYPE, "")
    return kind.startswith(_GRPC) and kind[len(_GRPC) : len(_GRPC) + 1] in ("", "+", ";")
