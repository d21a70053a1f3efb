"""A distribution and its version range, as the manifest writes it: `flask>=2.2,<4`.

The few comparisons that the manifest needs; `packaging` may be missing and costs 10 ms.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_NUMBERS = re.compile(r"\d+(?:\.\d+)*")


class Requirement(NamedTuple):
    """A name, and pairs of an operator and a version."""

    name: str
    bounds: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, text: str) -> Requirement:
        """Read a requirement with the operators >=, <, and !=."""
        match = _NAME.match(text)
        name = match.group() if match else ""
        bounds = []
        for part in filter(None, (each.strip() for each in text[len(name) :].split(","))):
            operator = "<" if part[0] == "<" else part[:2]
            bounds.append((operator, part[len(operator) :].strip()))
        return cls(name, tuple(bounds))

    def allows(self, version: str) -> bool:
        """Tell whether a version is in the range; one that cannot be read is."""
        have = _numbers(version)
        return not have or all(_holds(have, *bound) for bound in self.bounds)


def _holds(have: tuple[int, ...], operator: str, bound: str) -> bool:
    limit = _numbers(bound)
    if operator == ">=":
        return have >= limit
    if operator == "<":
        return have < limit
    return have != limit


def _numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers without trailing zeros, so that 2.0 equals 2."""
    match = _NUMBERS.match(version)
    numbers = [int(each) for each in match.group().split(".")] if match else []
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)
