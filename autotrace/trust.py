"""Whom to believe: the client's address, and whether it is one of ours.

Envoy's classification. A process that is no proxy takes the default `use_remote_address=false`:
ids are believed, and tracing can be forced only where `x-forwarded-for` is one internal address.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

    from autotrace.config import Config
    from autotrace.headers import Known

FORWARDED_FOR = "x-forwarded-for"

FORCE_TRACE = "x-envoy-force-trace"
INTERNAL = "x-envoy-internal"
EXTERNAL_ADDRESS = "x-envoy-external-address"
DECORATOR = "x-envoy-decorator-operation"
CLUSTER = "x-envoy-downstream-service-cluster"
NODE = "x-envoy-downstream-service-node"
USER_AGENT = "user-agent"

# Headers that are not believed from whom they name: Envoy would have removed them. Those that only
# steer its routing are named as far as Envoy's list goes; some are families.
FROM_OUTSIDE = frozenset((FORCE_TRACE, INTERNAL))
AT_THE_EDGE = FROM_OUTSIDE | {DECORATOR, CLUSTER, NODE}
ROUTING = frozenset(
    (
        "x-envoy-max-retries",
        "x-envoy-upstream-alt-stat-name",
        "x-envoy-expected-rq-timeout-ms",
        "x-envoy-ip-tags",
        "x-envoy-original-url",
        "x-envoy-hedge-on-per-try-timeout",
    )
)
_ROUTING_FAMILIES = ("x-envoy-retry-", "x-envoy-retriable-", "x-envoy-upstream-rq-timeout-")
_TOUCHED = AT_THE_EDGE | ROUTING | {EXTERNAL_ADDRESS, FORWARDED_FOR}

# The longest IPv6 address with a zone; also bounds what hostile values cost.
_MAX_ADDRESS = 64
_MAX_REMEMBERED = 1024


class Edge(NamedTuple):
    """What becomes of a request where it arrives, and why."""

    trusted_address: str
    internal: bool
    edge: bool
    # Headers written in place of those that arrived, and names of headers taken away.
    written: dict[str, str]
    removed: frozenset[str]


class Trust:
    """The classification as configured. Made cheap: address ranges are compiled at the first use,
    and calls that need none of it never get here.
    """

    __slots__ = ("_internal", "_networks", "_ranges", "hops", "use_remote_address")

    def __init__(
        self, use_remote_address: bool = False, hops: int = 0, internal_ranges: Iterable[str] = ()
    ) -> None:
        self.use_remote_address = use_remote_address
        self.hops = hops
        self._ranges = tuple(internal_ranges)
        self._networks: list[IPv4Network | IPv6Network] | None = None
        self._internal: dict[str, bool] = {}

    @classmethod
    def from_config(cls, config: Config) -> Trust:
        """The rules that the settings describe."""
        return cls(
            config.use_remote_address,
            config.xff_num_trusted_hops,
            config.internal_address_config,
        )

    def trusted_address(self, peer: str, forwarded_for: str | None) -> str:
        """The client's address as far as it can be believed."""
        return trusted_address(peer, forwarded_for, self.use_remote_address, self.hops)

    def is_internal(self, peer: str, forwarded_for: str | None) -> bool:
        """Whether the request comes from one of our own services, with nobody unknown between."""
        if self.use_remote_address:
            return forwarded_for is None and self.has(peer)
        if self.hops or not forwarded_for:
            return False
        return self.has(forwarded_for.strip(" \t"))

    def is_edge(self, peer: str, forwarded_for: str | None) -> bool:
        """Whether the request enters from outside here, so that its id is not believed."""
        return self.use_remote_address and not self.is_internal(peer, forwarded_for)

    def mutate(self, peer: str, known: Known, own_address: str = "", appends: bool = True) -> Edge:
        """Whom a request comes from, and the headers that Envoy would hand on for it.

        The program sees them as they came; names and tags are made of them as Envoy has them.
        `appends`: unless `skip_xff_append`. `own_address` stands for a peer on this machine.
        """
        came_for = forwarded_for(known)
        address = self.trusted_address(peer, came_for)
        internal = self.is_internal(peer, came_for)
        edge = self.use_remote_address and not internal
        removed = frozenset(known) & believed_of_nobody(known, internal, edge)
        written: dict[str, str] = {}
        if internal:
            written[INTERNAL] = "true"
        elif edge:
            written[EXTERNAL_ADDRESS] = address
        if self.use_remote_address and appends and peer:
            written[FORWARDED_FOR] = appended(came_for, peer, own_address)
        return Edge(address, internal, edge, written, removed)

    def has(self, address: str) -> bool:
        """Whether this is an address, one only, in the internal ranges."""
        internal = self._internal.get(address)
        if internal is None:
            if len(self._internal) >= _MAX_REMEMBERED:
                self._internal.clear()
            internal = self._internal[address] = self._contains(address)
        return internal

    def _contains(self, text: str) -> bool:
        address = _parse(text)
        if address is None:
            return False
        if self._networks is None:
            from ipaddress import ip_network

            self._networks = [ip_network(each, strict=False) for each in self._ranges]
        return any(address in network for network in self._networks)


def is_touched(name: str) -> bool:
    """Whether Envoy takes a header (lower-case name) away, or writes it."""
    return name in _TOUCHED or name.startswith(_ROUTING_FAMILIES)


def forwarded_for(known: Known) -> str | None:
    """The whole `x-forwarded-for`; None if there is none.

    One that came in several lines is one list: the last line is the one that a proxy added.
    """
    return ",".join(known.all(FORWARDED_FOR)) if FORWARDED_FOR in known else None


def believed_of_nobody(known: Iterable[str], internal: bool, edge: bool) -> frozenset[str]:
    """The headers that are taken away from a request of this class."""
    if internal:
        return frozenset((INTERNAL,))
    families = {name for name in known if name.startswith(_ROUTING_FAMILIES)}
    return (AT_THE_EDGE if edge else FROM_OUTSIDE) | ROUTING | families


def appended(came_for: str | None, peer: str, own_address: str = "") -> str:
    """`x-forwarded-for` with the direct peer behind; a peer on this machine is named as we are."""
    address = _parse(peer)
    if own_address and address is not None and address.is_loopback:
        peer = own_address
    return f"{came_for},{peer}" if came_for else peer


def user_agent(known: Known, service: str, node: str) -> dict[str, str]:
    """The headers by which `add_user_agent` tells who calls."""
    written = {CLUSTER: service}
    if not known.get(USER_AGENT):
        written[USER_AGENT] = service
    if node:
        written[NODE] = node
    return written


def trusted_address(
    peer: str, forwarded_for: str | None, use_remote_address: bool, hops: int
) -> str:
    """The direct peer, or the entry of `x-forwarded-for` that the last trusted proxy wrote.

    `hops` is the number of trusted proxies in front; counted from the right, as each one appends.
    """
    if use_remote_address:
        # Our own proxy would append the peer, which is the first hop.
        entry = _from_right(forwarded_for, hops - 1) if hops else ""
    else:
        entry = _from_right(forwarded_for, hops)
    return entry or peer


def _from_right(forwarded_for: str | None, skipped: int) -> str:
    """The entry after so many from the right, or nothing if there is none or it is no address."""
    if not forwarded_for:
        return ""
    entries = forwarded_for.rsplit(",", skipped + 1)
    # The first of them is several entries in one unless there were too few to split, and is read
    # only then.
    position = len(entries) - 1 - skipped
    if position < 0:
        return ""
    entry = entries[position].strip(" \t")
    return entry if _parse(entry) is not None else ""


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    """An address; a sender that speaks IPv4 to an IPv6 socket is the IPv4 address it is."""
    if not text or len(text) > _MAX_ADDRESS:
        return None
    from ipaddress import ip_address

    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
