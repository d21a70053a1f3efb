"""The fields that a message of Envoy's or Istio's may have, and what becomes of each.

Names come in both spellings of protobuf's JSON, `random_sampling` and `randomSampling`:
https://protobuf.dev/programming-guides/json/
"""

from __future__ import annotations

from autotrace.config.problem import suggest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from autotrace.envoy_config.node import Node
    from autotrace.envoy_config.reading import Reading


class Message:
    """The table of one message: the fields that are read, and why the others are ignored."""

    __slots__ = ("ignored", "lists", "name", "nested", "spellings")

    def __init__(
        self,
        name: str,
        read: str,
        ignored: Mapping[str, str] | None = None,
        nested: Mapping[str, Message] | None = None,
        lists: Mapping[str, Message] | None = None,
    ) -> None:
        """Make the table.

        `ignored`: a reason, and the fields that it is true of; `nested`: the tables of fields that
        are messages; `lists`: of those that are lists of messages.
        """
        self.name = name
        self.ignored = {
            field: reason for reason, fields in (ignored or {}).items() for field in fields.split()
        }
        self.nested = nested or {}
        self.lists = lists or {}
        names = [*read.split(), *self.ignored]
        self.spellings = {**{camel(field): field for field in names}, **{f: f for f in names}}


def camel(field: str) -> str:
    """Return the other spelling of a field's name."""
    first, *rest = field.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def fields(
    node: Node, message: Message, reading: Reading, *, quiet: bool = False
) -> dict[str, Node]:
    """Return the fields to read by their names; says which others are unknown or ignored.

    `quiet`: ignored ones are not mentioned, since the whole message has no effect.
    """
    if node.content is None:
        return {}
    if not isinstance(node.content, dict):
        reading.problem(node, f"an object is wanted here ({message.name}).")
        return {}
    for name in node.twice:
        reading.problem(node.content[name], "given twice; the last one counts.")
    found: dict[str, Node] = {}
    for name, child in node.content.items():
        field = message.spellings.get(name)
        if field is None:
            if name != "@type":
                reading.problem(child, f"no such field{_nearest(name, message)}")
        elif field in message.ignored:
            if not quiet:
                reading.ignore(child, message.ignored[field])
        elif child.content is not None:  # null stands for the default
            found[field] = child
    return found


def within(
    given: dict[str, Node], field: str, message: Message, reading: Reading
) -> dict[str, Node]:
    """Return the fields of a message in a field; none where it is not there."""
    return fields(given[field], message, reading) if field in given else {}


def items(node: Node | None, reading: Reading) -> list[Node]:
    """Return the values of a list."""
    if node is None or node.content is None:
        return []
    if not isinstance(node.content, list):
        reading.problem(node, "a list is wanted here.")
        return []
    return node.content


def as_dict(node: Node, message: Message, reading: Reading) -> dict[str, Any]:
    """Return a message with its fields by their names, and those of the messages in it."""
    found: dict[str, Any] = {}
    for field, child in fields(node, message, reading).items():
        if field in message.nested:
            found[field] = as_dict(child, message.nested[field], reading)
        elif field in message.lists:
            inner = message.lists[field]
            found[field] = [as_dict(each, inner, reading) for each in items(child, reading)]
        else:
            found[field] = child.plain()
    return found


def has(node: Node, *names: str) -> bool:
    """Whether an object has one of the fields, in either spelling."""
    content = node.content
    return isinstance(content, dict) and any(n in content or camel(n) in content for n in names)


def _nearest(name: str, message: Message) -> str:
    # A field is suggested in the spelling that the file uses.
    is_camel = name != name.lower()
    names = [s for s, field in message.spellings.items() if is_camel or s == field]
    near = suggest(name, names)
    return f"; {near}" if "?" in near or 0 < len(names) < 10 else f" of {message.name}."
