"""Which request headers the configuration makes known, and how their lines begin on the wire."""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import TYPE_CHECKING

from autotrace import decorator, propagation, request_id, trust
from autotrace.headers import Names

if TYPE_CHECKING:
    from autotrace.config import Config

CLIENT_TRACE_ID = "x-client-trace-id"
FORCE_TRACE = "x-envoy-force-trace"
# What decisions are taken by.
DECIDING = frozenset((CLIENT_TRACE_ID, FORCE_TRACE, decorator.HEADER))


def known_names(config: Config, read: Iterable[str]) -> Names:
    """The request headers to look for; `read` are those that names, tags and routes are made of."""
    names = {*propagation.OWNER, request_id.HEADER, *config.forward_headers}
    if config.mode == "propagate":
        # All of them go out, and nothing else is known.
        return Names(names, propagation.FAMILIES)
    names |= {*DECIDING, *read}
    if "xray" in config.exporter:
        # Its segments tell the client's address.
        names.add(trust.FORWARDED_FOR)
    families = dict(propagation.FAMILIES)
    if config.use_remote_address:
        names.add(trust.FORWARDED_FOR)
    else:
        # The client's address only matters where somebody asks to be believed.
        families[FORCE_TRACE] = trust.FORWARDED_FOR
    return Names(names, families, propagation.SECONDARY)


def initials(names: Set[str]) -> frozenset[bytes]:
    """How header lines begin that may be one of these, or a signature: two bytes, in any case."""
    starts = {name[:2] for name in (*names, "authorization")}
    return frozenset(
        (first + second).encode()
        for start in starts
        for first in (start[0], start[0].upper())
        for second in (start[1:], start[1:].upper())
    )
