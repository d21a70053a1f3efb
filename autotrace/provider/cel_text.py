"""An expression of CEL as text, out of the tree of it that Envoy's configuration holds.

https://github.com/google/cel-spec/blob/master/proto/cel/expr/syntax.proto, as protobuf's JSON
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_BINARY = frozenset(("&&", "||", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%"))
_IN = frozenset(("@in", "_in_"))
_NUMBERS = ("int64_value", "uint64_value", "double_value")


class Unwritable(ValueError):
    """What no text is known for: macros come as loops, and are not put together again."""


def text(tree: object) -> str:
    """The expression of an `Expr`."""
    kind, inner = _only(tree)
    if kind == "const_expr":
        return _constant(inner)
    if kind == "ident_expr":
        return str(_fields(inner).get("name", ""))
    if kind == "select_expr":
        return _select(_fields(inner))
    if kind == "call_expr":
        return _call(_fields(inner))
    if kind == "list_expr":
        return f"[{', '.join(map(text, _fields(inner).get('elements', ())))}]"
    raise Unwritable(kind)


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


def _fields(message: object) -> dict[str, Any]:
    if not isinstance(message, Mapping):
        raise Unwritable("an object is wanted")
    return {_snake(str(key)): value for key, value in message.items()}


def _only(tree: object) -> tuple[str, object]:
    """The kind of an expression, and what it is made of."""
    found = {key: value for key, value in _fields(tree).items() if key != "id"}
    if len(found) != 1:
        raise Unwritable("one kind of expression is wanted")
    return next(iter(found.items()))


def _constant(inner: object) -> str:
    kind, value = _only(inner)
    if kind == "string_value":
        return json.dumps(str(value))
    if kind == "bool_value":
        return "true" if value is True or value == "true" else "false"
    if kind == "null_value":
        return "null"
    if kind in _NUMBERS:
        return f"{value}u" if kind == "uint64_value" else str(value)
    raise Unwritable(kind)


def _select(given: dict[str, Any]) -> str:
    found = f"{text(given.get('operand'))}.{given.get('field', '')}"
    return f"has({found})" if given.get("test_only") else found


def _call(given: dict[str, Any]) -> str:
    function = str(given.get("function", ""))
    arguments = [text(each) for each in given.get("args", ())]
    if given.get("target"):
        return f"{text(given['target'])}.{function}({', '.join(arguments)})"
    operator = function.strip("_")
    if len(arguments) == 2 and function in _IN:
        return f"({arguments[0]} in {arguments[1]})"
    if len(arguments) == 2 and function == "_[_]":
        return f"{arguments[0]}[{arguments[1]}]"
    if len(arguments) == 2 and operator in _BINARY and function == f"_{operator}_":
        return f"({arguments[0]} {operator} {arguments[1]})"
    if len(arguments) == 3 and function == "_?_:_":
        return f"({arguments[0]} ? {arguments[1]} : {arguments[2]})"
    if len(arguments) == 1 and function in ("!_", "-_"):
        return f"{operator}({arguments[0]})"
    return f"{function}({', '.join(arguments)})"
