"""The request id: a UUID whose version digit carries Envoy's trace reason.

The first eight digits are the number by which every proxy and service of a fleet takes the same
sampling decision; the digit at index 14 tells the decision, and who wanted it.
"""

from __future__ import annotations

HEADER = "x-request-id"

NOT_TRACEABLE = "4"
SAMPLING = "9"
SERVICE_FORCED = "a"
CLIENT_FORCED = "b"

_REASON_INDEX = 14
_LENGTH = 36
_REASONS = frozenset((SAMPLING, SERVICE_FORCED, CLIENT_FORCED))

# A random digit -> the same with UUID's variant bits.
_VARIANT = {f"{digit:x}": "89ab"[digit & 3] for digit in range(16)}


def generate(bits: int, reason: str = NOT_TRACEABLE) -> str:
    """A UUID of version 4 from 128 random bits; the top 32 are its integer."""
    digits = bits.to_bytes(16, "big").hex()
    return (
        f"{digits[:8]}-{digits[8:12]}-{reason}{digits[13:16]}"
        f"-{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:]}"
    )


def to_integer(request_id: str) -> int | None:
    """The number for stable sampling: the first eight characters, if all are hex digits."""
    head = request_id[:8]
    # `int` would take signs, blanks and underscores, digits of other scripts, and "0x".
    if len(head) == 8 and head.isalnum() and head.isascii() and head[1] not in "xX":
        try:
            return int(head, 16)
        except ValueError:
            return None
    return None


def get_reason(request_id: str) -> str:
    """The packed trace reason; any 36 characters may have one."""
    if len(request_id) == _LENGTH:
        reason = request_id[_REASON_INDEX]
        if reason in _REASONS:
            return reason
    return NOT_TRACEABLE


def set_reason(request_id: str, reason: str) -> str:
    """The id with that reason packed into it; other lengths than a UUID's stay as they are."""
    if len(request_id) != _LENGTH or request_id[_REASON_INDEX] == reason:
        return request_id
    return f"{request_id[:_REASON_INDEX]}{reason}{request_id[_REASON_INDEX + 1 :]}"


def admitted(request_id: str, preserve: bool, pack: bool) -> str:
    """What remains of an outsider's id at the edge; if nothing, a new one is to be made.

    A preserved one loses its reason, which outsiders may not give.
    """
    if not preserve:
        return ""
    return set_reason(request_id, NOT_TRACEABLE) if pack else request_id
