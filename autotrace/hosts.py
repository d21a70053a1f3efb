"""Which hosts are inside: those that may be told more than the trace.

A name is inside that no public server can have, and so is an address that is not reached from
everywhere; lists say what else is, or is not. https://www.rfc-editor.org/rfc/rfc6762#appendix-G
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

    Address = IPv4Address | IPv6Address
    Network = IPv4Network | IPv6Network

# Kubernetes' names are told by their third part and by what they end with.
_NEVER_PUBLIC = (
    *(".svc", ".local", ".internal", ".localhost"),
    *(".intranet", ".private", ".corp", ".home", ".lan", ".home.arpa", ".test"),
)
# Hosts come from outside sometimes, and must not fill the memory.
_MAX_REMEMBERED = 1024


class Rule(NamedTuple):
    """Some hosts: a name, all names that end with one, or a range of addresses; of one port or any.

    An empty suffix is that of every name.
    """

    name: str | None
    suffix: str | None
    network: Network | None
    port: int | None

    def matches(self, host: str, address: Address | None, port: int | None) -> bool:
        """Whether a host is meant: its name, or its address if the name is one."""
        if self.port is not None and self.port != port:
            return False
        if self.network is not None:
            return address is not None and address in self.network
        if self.suffix is not None:
            return host.endswith(self.suffix)
        return host == self.name


def parse(text: str) -> Rule:
    """The rule that is written so; raises ValueError if none is.

    `shop.example.com`, `*.example.com` (what is below it), `10.0.0.0/8`, `*`; then maybe `:443`.
    """
    host, port = _parted(text.lower())
    if host == "*":
        return Rule(None, "", None, port)
    if host.startswith("*."):
        host = host[1:]
    name = host[1:] if host.startswith(".") else host
    if "/" in host or _address(host) is not None:
        from ipaddress import ip_network

        return Rule(None, None, ip_network(host.strip("[]"), strict=False), port)
    if not name or not all(_is_label(label) for label in name.split(".")):
        raise ValueError("no host")
    return Rule(None, host, None, port) if host.startswith(".") else Rule(host, None, None, port)


class Hosts:
    """The hosts inside; each is decided about once.

    What is listed as outside is outside; what is listed as inside is inside; the rest by its kind.
    """

    __slots__ = ("_by_port", "_inside", "_outside", "_remembered")

    def __init__(self, inside: Iterable[str] = (), outside: Iterable[str] = ()) -> None:
        self._inside = [parse(text) for text in inside]
        self._outside = [parse(text) for text in outside]
        self._by_port = any(rule.port is not None for rule in (*self._inside, *self._outside))
        self._remembered: dict[str, bool] = {}

    def has(self, host: str, port: int | None) -> bool:
        """Whether a host is inside."""
        key = f"{host} {port}" if self._by_port else host
        try:
            return self._remembered[key]
        except KeyError:
            if len(self._remembered) >= _MAX_REMEMBERED:
                self._remembered.clear()
            found = self._remembered[key] = self._decide(host, port)
            return found

    def _decide(self, host: str, port: int | None) -> bool:
        host = host.lower().strip("[]").partition("%")[0].removesuffix(".")
        address = _address(host)
        if _any(self._outside, host, address, port):
            return False
        if _any(self._inside, host, address, port):
            return True
        if address is not None:
            return not address.is_global
        labels = host.split(".")
        if labels[-1].isdigit() or labels[-1].startswith("0x"):
            # An address written in a way that only some clients understand.
            return False
        # A Unix socket's path has no host at all.
        if len(labels) == 1 or "/" in host:
            return True
        return ".svc." in host or host.endswith(_NEVER_PUBLIC)


def _any(rules: Sequence[Rule], host: str, address: Address | None, port: int | None) -> bool:
    return any(rule.matches(host, address, port) for rule in rules)


def _parted(text: str) -> tuple[str, int | None]:
    """Host and port of `host:port`; of an IPv6 address only where it stands in brackets."""
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")):
        return text, None
    if not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
        raise ValueError("no port")
    return host, int(port)


def _address(host: str) -> Address | None:
    """The address that a host is, if it is one and no name."""
    if not (host[-1:].isdigit() or ":" in host):
        return None
    from ipaddress import ip_address

    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return None
    # An IPv4 address in IPv6's notation is what it stands for.
    return getattr(address, "ipv4_mapped", None) or address


def _is_label(label: str) -> bool:
    return bool(label) and label.replace("-", "").replace("_", "").isalnum()
