"""Times in Envoy's format strings: strftime's specifiers, `%s`, and fractions such as `%3f`."""

from __future__ import annotations

import re
import time

DEFAULT = "%Y-%m-%dT%H:%M:%S.%3fZ"
DEFAULT_LOCAL = "%Y-%m-%dT%H:%M:%S.%3f%z"

_OWN = re.compile(r"%%|%s|%([1-9]?)f")


def utc(epoch_ns: int, given: str) -> str:
    """A time in UTC; the default has milliseconds."""
    seconds, nanoseconds = divmod(epoch_ns, 1_000_000_000)
    return _formatted(given or DEFAULT, seconds, nanoseconds, time.gmtime(seconds))


def local(epoch_ns: int, given: str) -> str:
    """A time in the zone of this process."""
    seconds, nanoseconds = divmod(epoch_ns, 1_000_000_000)
    return _formatted(given or DEFAULT_LOCAL, seconds, nanoseconds, time.localtime(seconds))


def _formatted(text: str, seconds: int, nanoseconds: int, parts: time.struct_time) -> str:
    def own(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return "%%"
        if found[0] == "%s":
            return str(seconds)
        return f"{nanoseconds:09}"[: int(found[1] or 9)]

    try:
        return time.strftime(_OWN.sub(own, text), parts)
    except ValueError:
        # Not every specifier exists everywhere.
        return ""
