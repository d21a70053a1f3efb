"""When to send again what was not accepted. Pure: time and chance are arguments."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

TRIES = 5
LONGEST_PAUSE = 30.0
# Longer than that nobody asks for; the queue would overflow all the same.
LONGEST_WISH = 300.0


def pause(attempt: int, retry_after: str, now: float, chance: float) -> float:
    """Seconds to wait after the attempt (from 0): what the server asks for, else 1, 2, 4... ± 20 %.

    `now` is in epoch seconds, `chance` from 0 to 1.
    """
    wish = asked_seconds(retry_after, now)
    if wish is not None:
        return min(wish, LONGEST_WISH)
    return float(min(2**attempt, LONGEST_PAUSE)) * (0.8 + 0.4 * chance)


def asked_seconds(retry_after: str, now: float) -> float | None:
    """What a Retry-After header asks for, in either form (RFC 9110 10.2.3); None without a wish."""
    value = retry_after.strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
