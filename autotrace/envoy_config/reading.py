"""What was understood of a file in Envoy's words: settings, where each came from, what is wrong."""

from __future__ import annotations

import re

from autotrace.config.problem import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from autotrace.envoy_config.node import Node

# One of the names in a path; those with dots in them are quoted.
_NAME = re.compile(r'(?:"[^"]*"|[^."])+')


class Fault(Problem):
    """A problem that is none where the user gave `setting` otherwise."""

    __slots__ = ("setting",)

    def __init__(self, source: str, value: str, message: str, setting: str = "") -> None:
        super().__init__(source, value, message)
        self.setting = setting


class Reading:
    """Collects what the parts of a file say, in the names of our settings."""

    def __init__(self, file: str, environ: Mapping[str, str]) -> None:
        self.file = file
        self.environ = environ
        self.settings: dict[str, Any] = {}
        self.origins: dict[str, str] = {}
        self.problems: list[Fault] = []
        self.ignored: list[Problem] = []

    def set(self, setting: str, value: Any, node: Node, note: str = "") -> None:
        """Take the value of a setting, above what was taken before."""
        self.settings[setting] = value
        self.origins[setting] = self.where(node) + (f" ({note})" if note else "")

    def offer(self, setting: str, value: Any, node: Node) -> None:
        """Take the value of a setting unless a stronger place gave it; that is said then."""
        if setting not in self.settings:
            self.set(setting, value, node)
        elif self.settings[setting] != value:
            self.ignore(node, f"{setting} is taken from {self.origins[setting]}")

    def problem(self, node: Node, message: str, *, setting: str = "", shown: object = "") -> None:
        """Note what is wrong; `setting` is the one with which the user can put it right."""
        self.problems.append(Fault(self.where(node), str(shown), message, setting))

    def ignore(self, node: Node, reason: str) -> None:
        """Note what has no effect here, and why."""
        self.ignored.append(Problem(self.where(node), "", f"ignored: {reason}."))

    def where(self, node: Node) -> str:
        """Return the file, the line and the names that lead to a value."""
        if not node.line:
            return f"{self.file}: {node.path}".rstrip(": ")
        # The line tells which one it is, so the many names in the middle need not.
        names = _NAME.findall(node.path)
        path = f"{'.'.join(names[:2])}...{'.'.join(names[-2:])}" if len(names) > 5 else node.path
        return f"{self.file}:{node.line} {path}".rstrip()


def no_address(node: Node, why: str, setting: str, reading: Reading) -> None:
    """Say that it is not known where spans go, and which setting says it."""
    variable = f"AUTOTRACE_{setting.upper()}"
    reading.problem(
        node, f"{why}, so the address is not known; {variable} gives it.", setting=setting
    )
