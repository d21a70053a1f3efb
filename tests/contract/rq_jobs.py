"""What RQ's workers run in the tests."""

from __future__ import annotations

import autotrace


def add(a: int, b: int) -> int:
    """Something that works."""
    return a + b


def fail() -> None:
    """Something that does not."""
    raise ValueError("no stock")


def onward() -> dict[str, str]:
    """What a job's own messages carry."""
    return autotrace.outbound_headers()
