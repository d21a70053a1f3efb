"""What a host outside is told: the trace, and not what callers and the program put beside it.

Baggage and the headers that are carried along for the program may hold anything about its users.
What the program itself puts on a request stays there.
"""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING

from autotrace import propagation
from autotrace.hosts import Hosts
from autotrace.propagation import ot

if TYPE_CHECKING:
    from autotrace.call import Outbound
    from autotrace.config import Config
    from autotrace.facts import ClientRequest
    from autotrace.headers import Known

_BAGGAGE = frozenset(("baggage", "sw8-correlation", "jaeger-baggage"))
_IDS = (propagation.OWNER.keys() | {"x-request-id"}) - _BAGGAGE
# Setting -> the headers that are sent outside; None: all of them.
SENT: dict[str, Set[str] | None] = {
    "all": None,
    "ids": _IDS,
    "traceparent": frozenset(("traceparent",)),
    "none": frozenset(),
}


class Outside:
    """Which hosts are outside, and which headers they get."""

    __slots__ = ("_anywhere", "_inside", "_sent", "always")

    def __init__(self, inside: Hosts, sent: Set[str]) -> None:
        self._inside = inside
        self._sent = sent
        # Not even the ids go everywhere.
        self.always = not sent >= _IDS
        # Lightstep's header has room for baggage.
        self._anywhere = frozenset(sent - {ot.OT_SPAN_CONTEXT})

    @classmethod
    def from_config(cls, config: Config) -> Outside | None:
        """The hosts that the settings describe; None where all get everything."""
        sent = SENT[config.external_headers]
        if sent is None:
            return None
        return cls(Hosts(config.internal_hosts, config.external_hosts), sent)

    def confines(self, known: Known) -> bool:
        """Whether a call with these headers may cause others that send something only inside."""
        return self.always or not self._anywhere.issuperset(known)

    def fitted(self, outbound: Outbound, request: ClientRequest) -> Outbound:
        """An outbound call with what its host may be told."""
        if self._inside.has(*destination(request)):
            return outbound
        pairs = [
            (name, ot.with_baggage(value, {}) if name == ot.OT_SPAN_CONTEXT else value)
            for name, value in outbound.pairs
            if name in self._sent
        ]
        return outbound.instead(pairs, outbound.replaced & self._sent)


def destination(request: ClientRequest) -> tuple[str, int | None]:
    """Host and port that a request is for, whichever proxy it is sent to."""
    if request.target.startswith("/"):
        return request.host, request.port
    scheme, absolute, rest = request.target.partition("://")
    if not absolute or not scheme.isalpha():
        return request.host, request.port
    authority = rest.partition("/")[0].partition("?")[0].rpartition("@")[2]
    host, colon, port = authority.rpartition(":")
    if not colon or not port.isdecimal():
        return authority, None
    return host, int(port[:5])
