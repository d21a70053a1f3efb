"""An expression of CEL as text, out of the tree of it that Envoy's configuration holds.

https://github.com/google/cel-spec/blob/master/proto/cel/expr/syntax.proto, as protobuf's JSON
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

_BINARY = frozenset(("&&", "||", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%"))
_IN = frozenset(("@in", "_in_"))
_NUMBERS = ("int64_value", "uint64_value", "double_value")


class Unwritable(ValueError):
    """What no text is known for, such as a loop that is none of the macros."""


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
    if kind == "struct_expr":
        return f"{{{', '.join(map(_entry, _fields(inner).get('entries', ())))}}}"
    if kind == "comprehension_expr":
        return _macro(_fields(inner))
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


def _entry(entry: object) -> str:
    given = _fields(entry)
    if "map_key" not in given:
        raise Unwritable("a message")
    return f"{text(given['map_key'])}: {text(given.get('value'))}"


def _macro(given: dict[str, Any]) -> str:
    """The macro that a loop has been made of, by its step: what becomes of what it gathers.

    https://github.com/google/cel-spec/blob/master/doc/langdef.md#macros
    """
    variable = str(given.get("iter_var", ""))
    gathered = str(given.get("accu_var", ""))
    function, step = _called(given.get("loop_step"))
    condition = ""
    if function == "_?_:_" and len(step) == 3 and _is_name(step[2], gathered):
        condition = text(step[0])
        function, step = _called(step[1])
    if len(step) != 2 or not _is_name(step[0], gathered):
        raise Unwritable("a loop")
    what: tuple[str, ...]
    if function == "_&&_" and not condition:
        macro, what = "all", (text(step[1]),)
    elif function == "_||_" and not condition:
        macro, what = "exists", (text(step[1]),)
    elif function == "_+_" and _only(step[1])[0] == "list_expr":
        elements = list(_fields(_only(step[1])[1]).get("elements") or ())
        if len(elements) != 1:
            raise Unwritable("a loop")
        element, made = elements[0], text(elements[0])
        macro, what = "map", (condition, made) if condition else (made,)
        if condition and _is_name(element, variable):
            macro, what = "filter", (condition,)
    elif function == "_+_" and condition:
        macro, what = "exists_one", (condition,)
    else:
        raise Unwritable("a loop")
    return f"{text(given.get('iter_range'))}.{macro}({', '.join((variable, *what))})"


def _called(tree: object) -> tuple[str, Sequence[Any]]:
    """The function that is called, and its arguments."""
    kind, inner = _only(tree)
    given = _fields(inner) if kind == "call_expr" else {}
    return str(given.get("function", "")), given.get("args", ())


def _is_name(tree: object, name: str) -> bool:
    return _only(tree) == ("ident_expr", {"name": name})


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
