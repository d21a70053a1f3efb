"""The file that AUTOTRACE_CONFIG names: settings by their names, or Envoy's or Istio's own.

JSON or YAML; which of them it is, its content tells.
"""

from __future__ import annotations

import json

from autotrace.config.problem import Invalid, Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from autotrace.envoy_config.node import Node


class Content:
    """What a file says: settings, where each stands, what is wrong, and what has no effect."""

    __slots__ = ("ignored", "origins", "problems", "settings")

    def __init__(self, settings: dict[str, Any], origins: dict[str, str]) -> None:
        self.settings = settings
        self.origins = origins
        # With the setting by which the user can put it right, if there is one.
        self.problems: list[tuple[Problem, str]] = []
        self.ignored: list[Problem] = []


def read(path: str, environ: Mapping[str, str]) -> Content:
    """Return what the file says; raises `Invalid` with the reason where that is nothing."""
    text = _text(path)
    nodes: list[Node] = []
    try:
        contents = [json.loads(text)]
    except (ValueError, RecursionError) as error:
        nodes = _not_json(text, path, error)
        contents = [node.plain() for node in nodes]
    owner = _owner(contents)
    if owner:
        return _foreign(owner, nodes or _nodes(text), path, environ)
    contents = [each for each in contents if each is not None]
    if len(contents) > 1:
        raise Invalid("the file holds several documents, and settings are one.")
    settings = contents[0] if contents else {}
    if not isinstance(settings, dict):
        raise Invalid("the file is to hold an object, `name: value` for each setting.")
    return Content({str(name): value for name, value in settings.items()}, _places(nodes, path))


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8-sig") as file:
            return file.read()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise Invalid(f"the file cannot be read ({reason}).") from None


def _not_json(text: str, path: str, error: Exception) -> list[Node]:
    """Return the documents of YAML; objects of YAML may begin as those of JSON do."""
    if not path.endswith(".json"):
        try:
            return _nodes(text)
        except Invalid:
            if not text.lstrip().startswith("{"):
                raise
    raise Invalid(f"the file is no JSON ({error}).")


def _nodes(text: str) -> list[Node]:
    from autotrace.envoy_config.node import documents

    try:
        return documents(text)
    except Invalid as fault:
        words = str(fault)
        raise Invalid(f"the file is {words}" if words.startswith("no ") else words) from None


def _owner(contents: list[Any]) -> str:
    from autotrace.envoy_config.owner import owner

    return next(filter(None, map(owner, contents)), "")


def _foreign(owner: str, nodes: list[Node], path: str, environ: Mapping[str, str]) -> Content:
    from autotrace import envoy_config

    reading = envoy_config.read(owner, nodes, path, environ)
    content = Content(reading.settings, reading.origins)
    content.problems = [(fault, fault.setting) for fault in reading.problems]
    content.ignored = reading.ignored
    return content


def _places(nodes: list[Node], path: str) -> dict[str, str]:
    """Return where each setting of our own stands; JSON's lines are not known."""
    fields = nodes[0].content if nodes else None
    if not isinstance(fields, dict):
        return {}
    return {name: f"{path}:{node.line} {name}" for name, node in fields.items()}
