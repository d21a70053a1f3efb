"""Single values as protobuf's JSON writes them; None, and a problem, where one is something else.

https://protobuf.dev/programming-guides/json/
"""

from __future__ import annotations

from autotrace.config.problem import suggest
from autotrace.envoy_config.message import Message, fields, items

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    from autotrace.envoy_config.node import Node
    from autotrace.envoy_config.reading import Reading

    Value = TypeVar("Value")

PERCENT = Message("Percent", "value")
FRACTION = Message("FractionalPercent", "numerator denominator")
DENOMINATORS = {"HUNDRED": 100, "TEN_THOUSAND": 10_000, "MILLION": 1_000_000}
DATA_SOURCE = Message(
    "DataSource",
    "filename inline_string inline_bytes environment_variable",
    {"the file is read once": "watched_directory"},
)
CIDR_RANGE = Message("CidrRange", "address_prefix prefix_len")


def take(
    reading: Reading,
    given: dict[str, Node],
    field: str,
    read: Callable[[Node, Reading], Value | None],
    setting: str = "",
) -> None:
    """Set a setting by a field, if the field is there and right."""
    node = given.get(field)
    if node is not None:
        value = read(node, reading)
        if value is not None:
            reading.set(setting or field, value, node)


def text(node: Node, reading: Reading) -> str | None:
    """Return a text that is not empty; an empty one is protobuf's word for none."""
    if isinstance(node.content, str):
        return node.content or None
    reading.problem(node, "a text is wanted; put it in quotes.", shown=_shown(node))
    return None


def text_of(given: dict[str, Node], field: str, reading: Reading) -> str | None:
    """Return the text of a field; None where it is not there, or is none."""
    return text(given[field], reading) if field in given else None


def boolean(node: Node, reading: Reading) -> bool | None:
    """Return yes or no."""
    if isinstance(node.content, bool):
        return node.content
    reading.problem(node, "true or false is wanted.", shown=_shown(node))
    return None


def number(node: Node, reading: Reading) -> float | None:
    """Return a number; it may be written as a text, as 64-bit ones are."""
    found = _number(node.content)
    if found is None:
        reading.problem(node, "a number is wanted.", shown=_shown(node))
    return found


def whole(node: Node, reading: Reading) -> int | None:
    """Return a whole number of 0 or more."""
    found = _number(node.content)
    if found is None or found < 0 or found != int(found):
        reading.problem(node, "a whole number is wanted.", shown=_shown(node))
        return None
    return int(found)


def percent(node: Node, reading: Reading) -> float | None:
    """Return the value of a Percent."""
    if not isinstance(node.content, dict):
        shown = _shown(node)
        reading.problem(node, f"a Percent is wanted, {{value: {shown or 1}}}.", shown=shown)
        return None
    value = fields(node, PERCENT, reading).get("value")
    return _share(value, reading) if value else 0.0


def share(node: Node, reading: Reading) -> float | None:
    """Return a percentage that is a plain number."""
    return _share(node, reading)


def fraction(node: Node, reading: Reading) -> float | None:
    """Return the percentage that a FractionalPercent is."""
    given = fields(node, FRACTION, reading)
    numerator = whole(given["numerator"], reading) if "numerator" in given else 0
    denominator = DENOMINATORS["HUNDRED"]
    if "denominator" in given:
        name = choice(given["denominator"], reading, tuple(DENOMINATORS))
        if name is None:
            return None
        denominator = DENOMINATORS[name]
    return None if numerator is None else min(100.0, numerator * 100 / denominator)


def choice(node: Node, reading: Reading, names: Sequence[str]) -> str | None:
    """Return a name of an enumeration, which may also be written as its number."""
    found = node.content
    if isinstance(found, int) and not isinstance(found, bool) and 0 <= found < len(names):
        return names[found]
    if isinstance(found, str) and found in names:
        return found
    word = str(_shown(node))
    reading.problem(node, f"unknown; {suggest(word.upper(), names)}", shown=word)
    return None


def seconds(node: Node, reading: Reading) -> float | None:
    """Return the seconds of a Duration such as `1.5s`."""
    found = node.content
    if isinstance(found, str) and found.endswith("s"):
        duration = _number(found[:-1])
        if duration is not None and duration >= 0:
            return duration
    reading.problem(node, "a duration is wanted, such as 5s or 0.25s.", shown=_shown(node))
    return None


def texts(node: Node, reading: Reading) -> list[str]:
    """Return the texts of a list."""
    found = [text(each, reading) for each in items(node, reading)]
    return [each for each in found if each]


def data(node: Node, reading: Reading) -> str | None:
    """Return what a DataSource holds; the name of the file where it is one."""
    given = fields(node, DATA_SOURCE, reading)
    if "environment_variable" in given:
        name = text(given["environment_variable"], reading)
        return reading.environ.get(name) if name else None
    for field in ("inline_string", "filename"):
        if field in given:
            return text(given[field], reading)
    if "inline_bytes" in given:
        reading.problem(given["inline_bytes"], "write it as inline_string.")
    return None


def networks(nodes: list[Node], reading: Reading) -> list[str]:
    """Return address ranges as `address/length`."""
    found = []
    for node in nodes:
        given = fields(node, CIDR_RANGE, reading)
        prefix = text_of(given, "address_prefix", reading)
        length = whole(given["prefix_len"], reading) if "prefix_len" in given else 0
        if prefix is not None and length is not None:
            found.append(f"{prefix}/{length}")
    return found


def _share(node: Node, reading: Reading) -> float | None:
    found = number(node, reading)
    if found is not None and not 0 <= found <= 100:
        reading.problem(node, "a number from 0 to 100 (percent) is wanted.", shown=_shown(node))
        return None
    return found


def _number(content: object) -> float | None:
    if isinstance(content, bool) or not isinstance(content, (int, float, str)):
        return None
    if isinstance(content, str) and not content.replace(".", "", 1).isdecimal():
        return None
    try:
        found = float(content)
    except (ValueError, OverflowError):
        return None
    return found if found - found == 0 else None  # neither NaN nor without end


def _shown(node: Node) -> object:
    """Return a single value for a message; objects and lists are not shown."""
    return "" if isinstance(node.content, (dict, list)) or node.content is None else node.content
