"""Random ids, as text on the wire has them: lower-case hex.

A generator of our own, so that a program that seeds `random` gets the same numbers as without us,
and its C class directly, since `random` imports more than we need. It is seeded anew after a fork.
"""

from __future__ import annotations

import os
from _random import Random

from autotrace import forks

_generator = Random()


def _seed() -> None:
    _generator.seed(int.from_bytes(os.urandom(32), "little"))


_seed()
forks.in_child(_seed)

random_bits = _generator.getrandbits


def new_trace_id() -> str:
    """128 random bits, 32 digits, never all zero."""
    return (random_bits(128) or 1).to_bytes(16, "big").hex()


def new_short_trace_id() -> str:
    """64 random bits, 16 digits, never all zero."""
    return (random_bits(64) or 1).to_bytes(8, "big").hex()


new_span_id = new_short_trace_id


def random_word() -> int:
    """64 random bits."""
    return random_bits(64)


def random_percent_draw() -> int:
    """A fresh draw for a decision that is not bound to an id (Envoy: client sampling)."""
    return random_bits(32)
