"""What Datadog's agent has configured from afar: sampling rules, tags, whether spans are sent.

The provider `datadog` and its exporter ask here what counts; `datadog_remote_config` fetches it.

https://docs.datadoghq.com/tracing/guide/remote_config/
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from time import monotonic
from typing import NamedTuple

# Envoy's name of all of its spans.
SPAN_NAME = "envoy.proxy"
# Datadog's numbers of sampling mechanisms: a rule; one that a person has set afar; one reckoned.
BY_RULE, BY_CUSTOMER, BY_SERVER = 3, 11, 12
# Traces a second that rules may keep, by default of all of Datadog's tracers.
MOST_A_SECOND = 100


class Rule(NamedTuple):
    """A share of the traces whose first span matches these patterns."""

    rate: float
    mechanism: int = BY_RULE
    service: str = "*"
    name: str = "*"
    resource: str = "*"
    tags: Mapping[str, str] = {}

    def matches(self, service: str) -> bool:
        """Whether it is about a span of ours, of which no resource and tag is known yet."""
        return (
            _matches(service, self.service)
            and _matches(SPAN_NAME, self.name)
            and self.resource == "*"
            and not self.tags
        )


class Remote(NamedTuple):
    """What one configuration says, or all of them together; None of what is left alone."""

    rules: Sequence[Rule] = ()
    tags: Mapping[str, str] | None = None
    enabled: bool | None = None

    def over(self, other: Remote) -> Remote:
        """Both, where this one counts first."""
        return Remote(
            (*self.rules, *other.rules),
            other.tags if self.tags is None else self.tags,
            other.enabled if self.enabled is None else self.enabled,
        )


NOTHING = Remote()
# What counts in this process.
_now = NOTHING
# The id that a process is known by, to the agent and in its spans.
_runtime_ids: dict[int, str] = {}


def learn(remote: Remote) -> None:
    """Takes what is configured in place of what was."""
    global _now
    _now = remote


def rule(service: str) -> Rule | None:
    """The rule that decides about a trace that begins with us."""
    return next((each for each in _now.rules if each.matches(service)), None)


def tags() -> Mapping[str, str]:
    """Tags that every span gets."""
    return _now.tags or {}


def enabled() -> bool:
    """Whether spans are sent."""
    return _now.enabled is not False


def runtime_id() -> str:
    """The id of this process."""
    pid = os.getpid()
    made = _runtime_ids.get(pid)
    if made is None:
        import uuid

        made = _runtime_ids[pid] = str(uuid.uuid4())
    return made


class Limit:
    """At most so many a second."""

    __slots__ = ("_left", "_second", "most")

    def __init__(self, most: int = MOST_A_SECOND) -> None:
        self.most = most
        self._second = 0
        self._left = most

    def allows(self) -> bool:
        """Whether there is room for one more now."""
        second = int(monotonic())
        if second != self._second:
            self._second, self._left = second, self.most
        self._left -= 1
        return self._left >= 0


LIMIT = Limit()


def _matches(text: str, pattern: str) -> bool:
    # In Datadog's patterns a bracket is itself.
    return fnmatchcase(text.lower(), pattern.lower().replace("[", "[[]"))
