"""One lower-case view over any header container, holding only the names that tracing knows.

Servers and clients keep headers as WSGI environ entries, lists of pairs, dicts or lines of bytes.
`capture_*` reads each of them once and keeps the few names that matter, so that everything behind
works on one shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import islice


class Known(dict[str, str]):
    """The known headers of one message: lower-case name to first value.

    Values are text, decoded as latin-1, exactly as they came. Further values of a repeated name
    are kept in `repeated`, in their order.
    """

    __slots__ = ()

    repeated: Sequence[tuple[str, str]] = ()

    def all(self, name: str) -> list[str]:
        """All values of one name, in their order; empty when it did not arrive."""
        if name not in self:
            return []
        return [self[name], *(value for key, value in self.repeated if key == name)]

    def pairs(self) -> list[tuple[str, str]]:
        """Every name and value, repeated names beside each other."""
        if not self.repeated:
            return list(self.items())
        return [(name, value) for name in self for value in self.all(name)]


class Repeated(Known):
    """Known headers of which some came more than once."""

    __slots__ = ("repeated",)

    repeated: Sequence[tuple[str, str]]


NO_HEADERS = Known()

# Longer than any sane tracing header; also the limit that W3C gives for baggage.
MAX_LENGTH = 8192

# Further values of repeated names that are kept: no sane message has more.
_MOST_REPEATED = 100

# No server takes that many headers in a request, its own entries in the environ included. What
# costs time for every header stops there, so that a flood of small ones costs nothing.
MANY = 512


_LIKELY = {"x-request-id": 0, "traceparent": 1}


def environ_key(name: str) -> str:
    """The key of a header in a WSGI environ."""
    return "HTTP_" + name.upper().replace("-", "_")


class Names:
    """The header names to look for, in each spelling that containers use.

    `prefixes` holds families such as `uberctx-*`. Looking for them means reading every header, so
    it is done only when the header that announces the family has arrived. `secondary` names say
    nothing where they come alone, and are not looked for at first.
    """

    __slots__ = (
        "announcing",
        "environ",
        "environ_first",
        "environ_keys",
        "lower",
        "prefixes",
        "raw",
        "raw_first",
        "raw_keys",
    )

    def __init__(
        self,
        names: Iterable[str],
        prefixes: Mapping[str, str] | None = None,
        secondary: Set[str] = frozenset(),
    ) -> None:
        self.lower = frozenset(names)
        # key of a WSGI environ -> name
        self.environ = {environ_key(name): name for name in self.lower}
        self.environ_keys = frozenset(self.environ)
        # The likeliest first: what is found ends the search.
        first = sorted(self.lower - secondary, key=lambda name: _LIKELY.get(name, 2))
        self.environ_first = tuple(environ_key(name) for name in first)
        # name in bytes -> name
        self.raw = {name.encode("latin-1"): name for name in self.lower}
        self.raw_keys = frozenset(self.raw)
        self.raw_first = tuple(name.encode("latin-1") for name in first)
        # announcing header -> prefix of its family
        self.prefixes = dict(prefixes or {})
        self.announcing = frozenset(self.prefixes)


def capture_environ(environ: Mapping[str, object], names: Names) -> Known:
    """The known headers of a WSGI environ.

    Walks the few names in C that something hangs on: a request with none of them, the commonest of
    all, costs nothing else.
    """
    keys = environ.keys()
    if keys.isdisjoint(names.environ_first):
        return NO_HEADERS
    found: Set[str]
    if len(environ) < MANY:
        found = names.environ_keys.intersection(environ)
    else:
        # Walks our names instead, for a few instructions more.
        found = keys & names.environ_keys
    spelled = names.environ
    known = Known()
    for key in found:
        value = environ[key]
        # What is no text no server has put there.
        if type(value) is str:
            known[spelled[key]] = value
    if not names.announcing.isdisjoint(known):
        for announcing, prefix in names.prefixes.items():
            if announcing in known:
                _capture_family(environ, prefix, known)
    return known


def _capture_family(environ: Mapping[str, object], prefix: str, known: Known) -> None:
    start = "HTTP_" + prefix.upper().replace("-", "_")
    for key, value in islice(environ.items(), MANY):
        if key.startswith(start) and type(value) is str:
            known[key[5:].lower().replace("_", "-")] = value


def capture_pairs(pairs: Iterable[tuple[str, str]], names: Names) -> Known:
    """The known headers of a list of text pairs, names in any case, repeated ones kept."""
    known = Known()
    wanted = names.lower
    repeated: list[tuple[str, str]] = []
    everything = pairs if isinstance(pairs, list) else list(pairs)
    for name, value in everything:
        lower = name.lower()
        if lower in wanted:
            if lower in known:
                if len(repeated) < _MOST_REPEATED:
                    repeated.append((lower, value))
            else:
                known[lower] = value
    for announcing, prefix in () if names.announcing.isdisjoint(known) else names.prefixes.items():
        if announcing in known:
            for name, value in everything:
                if name.lower().startswith(prefix):
                    known.setdefault(name.lower(), value)
    if repeated:
        several = Repeated(known)
        several.repeated = repeated
        return several
    return known


def capture_bytes(pairs: Sequence[tuple[bytes, bytes]], names: Names) -> Known:
    """The known headers of a list of pairs of bytes, names in lower case, repeated ones kept.

    As `capture_environ`, it does in C what it does for every header.
    """
    values = dict(pairs)
    if values.keys().isdisjoint(names.raw_first):
        return NO_HEADERS
    found = names.raw_keys.intersection(values)
    spelled = names.raw
    known = Known()
    for key in found:
        known[spelled[key]] = values[key].decode("latin-1")
    if len(values) < len(pairs):
        known = _with_repeated(pairs, found, spelled)
    if not names.announcing.isdisjoint(known):
        for announcing, prefix in names.prefixes.items():
            if announcing in known:
                start = prefix.encode("latin-1")
                for name, value in islice(pairs, MANY):
                    if name.startswith(start):
                        known.setdefault(name.decode("latin-1"), value.decode("latin-1"))
    return known


def _with_repeated(
    pairs: Sequence[tuple[bytes, bytes]], found: Set[bytes], spelled: Mapping[bytes, str]
) -> Known:
    """The headers of these names, of which some may have come more than once."""
    known = Repeated()
    repeated: list[tuple[str, str]] = []
    for key, value in pairs:
        if key in found:
            name = spelled[key]
            if name not in known:
                known[name] = value.decode("latin-1")
            elif len(repeated) < _MOST_REPEATED:
                repeated.append((name, value.decode("latin-1")))
    known.repeated = repeated
    return known
