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

REASON_INDEX = 14
LENGTH = 36
REASONS = frozenset((SAMPLING, SERVICE_FORCED, CLIENT_FORCED))

_from_hex = bytes.fromhex
_from_bytes = int.from_bytes

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
    try:
        # `int` would take signs, blanks and underscores, digits of other scripts, and "0x";
        # this only blanks, which are no bytes.
        number = _from_hex(request_id[:8])
    except ValueError:
        return None
    return _from_bytes(number, "big") if len(number) == 4 else None


def get_reason(request_id: str, packs: bool = True) -> str:
    """The packed trace reason; any 36 characters may have one, unless reasons are not packed."""
    if packs and len(request_id) == LENGTH:
        reason = request_id[REASON_INDEX]
        if reason in REASONS:
            return reason
    return NOT_TRACEABLE


def set_reason(request_id: str, reason: str, packs: bool = True) -> str:
    """The id with that reason packed into it; other lengths than a UUID's stay as they are."""
    if not packs or len(request_id) != LENGTH or request_id[REASON_INDEX] == reason:
        return request_id
    return f"{request_id[:REASON_INDEX]}{reason}{request_id[REASON_INDEX + 1 :]}"


def kept(
    request_id: str, edge: bool, generates: bool = True, preserves: bool = False, packs: bool = True
) -> str:
    """What remains of the id that arrived; where nothing does, a new one is made if any is.

    At the edge an outsider's is replaced, or loses its reason, which outsiders may not give.
    """
    if not edge or not generates:
        return request_id
    return set_reason(request_id, NOT_TRACEABLE, packs) if preserves else ""


def response(request_id: str | None, always: bool, forced: bool) -> str | None:
    """The id that the response tells, in place of its own; None leaves the response as it is.

    `forced`: an internal service asked for the trace by `x-envoy-force-trace`. An empty id is told.
    """
    return request_id if always or forced else None
