"""What a call came to, and what the program is told of it."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.contract.agent import Record

# In memory, as messages have them; anyio numbers its scopes by theirs. And libcurl's times.
_ADDRESS = re.compile("0x[0-9a-f]+|(?<=scope )[0-9a-f]+|[0-9]+(?= milliseconds| ms)")


def outcome(span: Record) -> tuple[str, str, str | None, str]:
    """Status code, flags, whether it counts as an error, OpenTelemetry's status."""
    tags = span["tags"]
    return (tags["http.status_code"], tags["response_flags"], tags.get("error"), span["status"])


def told(function: Callable[[], object]) -> object:
    """What a program gets: an answer or, without addresses in memory and times, what is raised."""
    try:
        return function()
    except Exception as caught:
        error: BaseException | None = caught
    chain = []
    while error is not None:
        chain.append(re.sub(_ADDRESS, "", f"{type(error)} {error} {error.args}"))
        error = error.__cause__ or error.__context__
    return chain
