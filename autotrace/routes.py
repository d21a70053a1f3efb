"""Envoy's routes: which of them a request takes, and what that says of its trace.

The first that fits counts. Where routes name `domains`, those of the most specific one that fits
the host are looked at, as in a virtual host; routes without any are looked at for every host.
https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from autotrace.route_match import header_names, header_tests, path_test
from autotrace.sampling import Fractions

if TYPE_CHECKING:
    from autotrace.headers import Known
    from autotrace.sampling import Sampler

Entry = Mapping[str, Any]

INBOUND, OUTBOUND = "INBOUND", "OUTBOUND"


class Route:
    """One route, made ready; "", () and None say nothing.

    `metadata` is by namespace, `custom_tags` are entries of the configuration. `fractions` stand
    in place of the listener's; `sampler` decides by them, as soon as there is one.
    """

    __slots__ = (
        "cluster",
        "custom_tags",
        "decorator",
        "fractions",
        "metadata",
        "name",
        "operation",
        "propagate",
        "sampler",
        "test_headers",
        "test_path",
        "upstream_operation",
    )

    def __init__(self, entry: Entry) -> None:
        tracing: Entry | None = entry.get("tracing")
        decorator: Entry = entry.get("decorator", {})
        self.name: str = entry.get("name", "")
        self.decorator: str = decorator.get("operation", "")
        self.propagate: bool = decorator.get("propagate", True)
        self.fractions = None if tracing is None else Fractions.of_route(tracing)
        self.sampler: Sampler | None = None
        tracing = tracing or {}
        self.custom_tags: Sequence[Entry] = tuple(tracing.get("custom_tags", ()))
        self.operation: str = tracing.get("operation", "")
        self.upstream_operation: str = tracing.get("upstream_operation", "")
        self.metadata: Mapping[str, Any] = entry.get("metadata", {}).get("filter_metadata", {})
        self.cluster: str = entry.get("route", {}).get("cluster", "")
        self.test_path = path_test(entry["match"])
        self.test_headers = header_tests(entry["match"])


class Routes:
    """The routes of one direction in their order; false where there are none."""

    __slots__ = ("_any", "_exact", "_header_names", "_routes", "_wildcards")

    def __init__(self, entries: Iterable[Entry]) -> None:
        made = [(entry, Route(entry)) for entry in entries]
        self._routes = tuple(route for _, route in made)
        self._header_names: frozenset[str] = frozenset().union(
            *(header_names(entry["match"]) for entry, _ in made)
        )
        domains = {domain for entry, _ in made for domain in entry.get("domains", ("*",))}
        by_domain = {domain: _of_domain(domain, made) for domain in domains}
        # For hosts that fit no domain, or a lone `*`.
        self._any = by_domain.pop("*", _of_domain("*", made))
        self._exact = {domain: by for domain, by in by_domain.items() if "*" not in domain}
        # Envoy's order: suffixes before prefixes, the longest first.
        self._wildcards = [
            (domain[:-1] if domain.endswith("*") else domain[1:], domain.endswith("*"), by)
            for domain, by in sorted(by_domain.items(), key=_specificity)
            if "*" in domain
        ]

    @classmethod
    def from_config(cls, entries: Iterable[Entry], direction: str = INBOUND) -> Routes:
        """The routes of a direction; those that name none are for inbound calls, as in Envoy."""
        inbound = direction == INBOUND
        return cls(e for e in entries if (e.get("traffic_direction") != OUTBOUND) is inbound)

    def __len__(self) -> int:
        return len(self._routes)

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def header_names(self) -> frozenset[str]:
        """The request headers that the routes read."""
        return self._header_names

    def find(self, method: str, host: str, path: str, headers: Known) -> Route | None:
        """The route that a request takes; a query behind the path does not count."""
        if "?" in path:
            path = path.partition("?")[0]
        for route in self._of_host(host) if self._exact or self._wildcards else self._any:
            if route.test_path(path):
                if not route.test_headers:
                    return route
                request = (method, host, path, headers)
                if all(holds(request) for holds in route.test_headers):
                    return route
        return None

    def _of_host(self, host: str) -> tuple[Route, ...]:
        host = host.lower()
        found = self._exact.get(host)
        if found is None:
            # A process is asked by its own port, which those who write domains do not think of.
            found = self._exact.get(_without_port(host))
        if found is not None:
            return found
        for text, is_prefix, routes in self._wildcards:
            # The star stands for one character at least.
            if len(host) > len(text):
                if is_prefix:
                    if host.startswith(text):
                        return routes
                elif host.endswith(text) or _without_port(host).endswith(text):
                    return routes
        return self._any


def _of_domain(domain: str, made: Iterable[tuple[Entry, Route]]) -> tuple[Route, ...]:
    return tuple(route for entry, route in made if domain in entry.get("domains", (domain,)))


def _specificity(item: tuple[str, object]) -> tuple[bool, int]:
    domain = item[0]
    return domain.endswith("*"), -len(domain)


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    # An IPv6 address has colons of its own, and brackets where a port follows.
    return name if colon and port.isdigit() and (":" not in name or name.endswith("]")) else host
