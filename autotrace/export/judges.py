"""What a receiver's yes says of each span: mostly nothing more, with OTLP which it refused."""

from __future__ import annotations

from collections.abc import Callable

from autotrace.export.receiver import Outcome
from autotrace.guard import log_once

# The answer's body, the number of spans and the receiver's address.
Judge = Callable[[bytes, int, str], Outcome]


def sent(answer: bytes, count: int, address: str) -> Outcome:
    """A yes to all of them."""
    return Outcome(sent=count)


def partial_success(rejected: Callable[[bytes], tuple[int, str]]) -> Judge:
    """OTLP's yes; `rejected` reads the number of spans that are refused all the same, and why.

    https://opentelemetry.io/docs/specs/otlp/#partial-success
    """

    def judge(answer: bytes, count: int, address: str) -> Outcome:
        try:
            dropped, reason = rejected(answer) if answer else (0, "")
        except Exception:
            # An answer that is not what the protocol says; the status counts.
            return Outcome(sent=count)
        if dropped:
            dropped = min(dropped, count)
            problem = f"{address} refused some: {reason}"
            return Outcome(sent=count - dropped, dropped=dropped, problem=problem)
        if reason:
            log_once(f"{address} warned", "warning", f"{address} says: {reason}", every=300.0)
        return Outcome(sent=count)

    return judge
