"""A configuration file as a tree whose every value knows the line it stands on.

YAML and JSON are read by PyYAML, which keeps lines; JSON is still read where it is not installed,
without them. Single values mean what they mean to Envoy: a date, or 10:30, is a text.
"""

from __future__ import annotations

import json

from autotrace.config.problem import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    Content: TypeAlias = "dict[str, Node] | list[Node] | str | int | float | bool | None"

# A file that is larger or deeper is none that a person or a control plane wrote. An alias of YAML
# can hold itself, or blow up to any size.
MOST_VALUES = 500_000
DEEPEST = 100
# PyYAML needs a second for half a megabyte; longer JSON is read without lines.
LONGEST_JSON_WITH_LINES = 500_000


class Node:
    """A value: what it is, where it stands, and the names that lead to it."""

    __slots__ = ("content", "inner_line", "line", "path", "twice")

    def __init__(self, content: Content, path: str, line: int, inner_line: int = 0) -> None:
        self.content = content
        self.path = path
        self.line = line  # 0 where lines are not known
        self.inner_line = inner_line  # of the first line of a text in a block of its own
        self.twice: list[str] = []  # names that an object holds more than once

    def plain(self) -> Any:
        """Return the value without its lines, as a JSON reader would have returned it."""
        if isinstance(self.content, dict):
            return {key: each.plain() for key, each in self.content.items()}
        if isinstance(self.content, list):
            return [each.plain() for each in self.content]
        return self.content


class Tree:
    """Makes nodes of what a parser returned, within the limits."""

    def __init__(self, path: str = "", line: int = 0) -> None:
        self.path = path  # of the text, where it stands in another file's value
        self.line = line  # lines before the text
        self.left = MOST_VALUES

    def of_yaml(self, node: Any, path: str, line: int, depth: int = 0) -> Node:
        """Return the tree of a node that PyYAML composed."""
        self._count(depth)
        if node.id == "sequence":
            items = [
                self.of_yaml(each, f"{path}[{index}]", self._line(each), depth + 1)
                for index, each in enumerate(node.value)
            ]
            return Node(items, path, line)
        if node.id == "mapping":
            return self._mapping(node, path, line, depth)
        inner = self.line + node.start_mark.line + 2 if node.style in ("|", ">") else 0
        return Node(_single(node), path, line, inner)

    def of_json(self, value: Any, path: str, depth: int = 0) -> Node:
        """Return the tree of a JSON value; its lines are not known."""
        self._count(depth)
        if isinstance(value, dict):
            fields = {
                key: self.of_json(each, _join(path, key), depth + 1) for key, each in value.items()
            }
            return Node(fields, path, self.line)
        if isinstance(value, list):
            items = [
                self.of_json(each, f"{path}[{index}]", depth + 1)
                for index, each in enumerate(value)
            ]
            return Node(items, path, self.line)
        return Node(value, path, self.line)

    def _mapping(self, node: Any, path: str, line: int, depth: int) -> Node:
        fields: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        found = Node(fields, path, line)
        for key, value in node.value:
            if key.id != "scalar":
                raise Invalid(f"line {self._line(key)}: a name is to be a single text.")
            child = self.of_yaml(value, _join(path, key.value), self._line(key), depth + 1)
            if key.tag.endswith(":merge"):
                for each in child.content if isinstance(child.content, list) else [child]:
                    if isinstance(each.content, dict):
                        merged = {**each.content, **merged}
            else:
                if key.value in fields:
                    found.twice.append(key.value)
                fields[key.value] = child
        if merged:
            found.content = {**merged, **fields}
        return found

    def _line(self, node: Any) -> int:
        return int(self.line + node.start_mark.line + 1)

    def _count(self, depth: int) -> None:
        self.left -= 1
        if depth > DEEPEST or self.left < 0:
            raise Invalid("the file is nested too deep, or too long.")


def documents(text: str, within: Node | None = None) -> list[Node]:
    """Return the documents of a text; `within` is the value of another file that holds it."""
    tree = Tree(within.path, _lines_before(within)) if within else Tree()
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return _composed(text, tree)
    if len(text) <= LONGEST_JSON_WITH_LINES:
        try:
            # YAML allows no tabs to indent by, and JSON none within its texts.
            return _composed(text.replace("\t", " "), tree)
        except Invalid:
            pass  # PyYAML is not there, or refuses what JSON allows
    return [tree.of_json(parsed, tree.path)]


def _composed(text: str, tree: Tree) -> list[Node]:
    try:
        # The loader in C is faster and dies on a file that is nested deep.
        from yaml import SafeLoader, YAMLError, compose_all
    except ImportError:
        raise Invalid("YAML needs PyYAML: pip install 'autotrace[yaml]', or write JSON.") from None
    try:
        roots = list(compose_all(text, Loader=SafeLoader))
    except (YAMLError, ValueError, RecursionError) as error:
        raise Invalid(f"no YAML ({' '.join(str(error).split())}).") from None
    first = tree.line + 1
    return [tree.of_yaml(root, tree.path, first) for root in roots if root is not None]


def _lines_before(within: Node) -> int:
    return within.inner_line - 1 if within.inner_line else max(within.line - 1, 0)


def _join(path: str, name: str) -> str:
    shown = f'"{name}"' if "." in name else name
    return f"{path}.{shown}" if path else shown


def _single(node: Any) -> str | int | float | bool | None:
    """Return a single value; what only PyYAML takes for a number or a date stays a text."""
    kind, text = node.tag.rpartition(":")[2], node.value
    if node.style is not None or kind == "str":
        return str(text)
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() in ("yes", "true", "on")
    if "_" not in text:
        try:
            if kind == "int":
                return int(text, 16) if text.lower().startswith("0x") else int(text)
            if kind == "float":
                return float(text)
        except ValueError:
            pass
    return str(text)
