"""Dynatrace's sampler: whoever begins a trace decides by its own rates, and tells it to all others.

The decision is a member of `tracestate`: `<tenant>-<cluster>@dt=fw4;0;0;0;0;<ignored>;<exponent>;
<path info>`, whose first number says whether the trace is left out.

https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/tracers/opentelemetry/samplers/v3/dynatrace_sampler.proto
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from time import monotonic

from autotrace.provider.asked import Asked, Sampling
from autotrace.provider.dynatrace_rates import Rates
from autotrace.provider.murmur import murmur

_VERSION = "fw4"
_FIELDS = 8
_IGNORED, _EXPONENT, _PATH_INFO = 5, 6, 7
_WHOLE = 2**56


class Dynatrace:
    """The sampler of a tenant's cluster, which wants so many new traces a minute."""

    asks = True

    def __init__(
        self,
        tenant: str,
        cluster: int,
        per_minute: int = 0,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self.key = f"{tenant_id(tenant):x}-{cluster & 0xFFFFFFFF:x}@dt"
        self.rates = Rates(per_minute, now)

    def __call__(self, asked: Asked) -> Sampling:
        """Whether the trace is recorded, and what is told of that."""
        _, method, path = asked.place
        exponent = self.rates.exponent(f"{method}_{path.partition('?')[0]}")
        others = []
        for member in asked.tracestate.split(",") if asked.parent is not None else ():
            key, _, value = member.strip(" \t").partition("=")
            told = _parsed(value) if key == self.key else None
            if told is not None:
                ignored, exponent = told
                return Sampling(not ignored, None, _attributes(exponent))
            if value:
                others.append(f"{key}={value}")
        lot = murmur(asked.trace_id.encode())
        sampled = lot % (1 << exponent) == 0
        tag = f"{_VERSION};0;0;0;0;{int(not sampled)};{exponent};{lot & 0xFF:x}"
        # A vendor's newest member comes first (W3C, Mutating the tracestate Field).
        tracestate = ",".join((f"{self.key}={tag}", *others))
        return Sampling(sampled, tracestate, _attributes(exponent))


def tenant_id(tenant: str) -> int:
    """The number that stands for a tenant: the four words of its MD5, one upon another."""
    if not tenant:
        return 0
    # Of what is not ASCII each byte of UTF-8 is a question mark.
    plain = bytes(byte if byte < 128 else ord("?") for byte in tenant.encode())
    digest = hashlib.md5(plain, usedforsecurity=False).digest()
    found = 0
    for start in range(0, 16, 4):
        found ^= int.from_bytes(digest[start : start + 4], "big")
    return found


def _parsed(value: str) -> tuple[bool, int] | None:
    """Whether the trace is left out, and by which exponent; None for what says neither."""
    fields = value.split(";")
    if len(fields) < _FIELDS or fields[0] != _VERSION:
        return None
    exponent, path_info = fields[_EXPONENT], fields[_PATH_INFO]
    try:
        int(path_info, 16)
        return fields[_IGNORED] == "1", int(exponent)
    except ValueError:
        return None


def _attributes(exponent: int) -> dict[str, str]:
    """What Dynatrace wants to know of a span: one in how many it stands for."""
    multiplicity = 1 << min(exponent, 31)
    made = {"supportability.atm_sampling_ratio": str(multiplicity)}
    if multiplicity > 1:
        made["sampling.threshold"] = str(_WHOLE - _WHOLE // multiplicity)
    return made
