"""Whom to believe: the client's address, and whether it is one of ours.

Envoy's classification. A process that is no proxy takes the default `use_remote_address=false`:
ids are believed, and tracing can be forced only where `x-forwarded-for` is one internal address.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

    from autotrace.config import Config

FORWARDED_FOR = "x-forwarded-for"

# Headers that are not believed from whom they name: Envoy would have removed them.
FROM_OUTSIDE = frozenset(("x-envoy-force-trace", "x-envoy-internal"))
AT_THE_EDGE = FROM_OUTSIDE | {
    "x-envoy-decorator-operation",
    "x-envoy-downstream-service-cluster",
    "x-envoy-downstream-service-node",
}

# The longest IPv6 address with a zone; also bounds what hostile values cost.
_MAX_ADDRESS = 64
_MAX_REMEMBERED = 1024


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
