"""One lower-case view over any header container, holding only the names that tracing knows.

Servers and clients keep headers as WSGI environ entries, lists of pairs, dicts or lines of bytes.
`capture_*` reads each of them once and keeps the few names that matter, so that everything behind
works on one shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import islice
from operator import itemgetter
from typing import NamedTuple


class Known(dict[str, str]):
    """The known headers of one message: lower-case name to first value.

    Values are text, decoded as latin-1, exactly as they came. Further values of a repeated name
    are kept in `repeated`, in their order.
    """

    __slots__ = ()

    repeated: Sequence[tuple[str, str]] = ()
    # All that are here, where the capture knows them together: the same for the same names.
    names: tuple[str, ...] | None = None

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


class Captured(Known):
    """Known headers with their names, by which is looked up what to do about them."""

    __slots__ = ("names",)

    names: tuple[str, ...]


NO_HEADERS = Known()

_FIRST = itemgetter(0)

# Longer than any sane tracing header; also the limit that W3C gives for baggage.
MAX_LENGTH = 8192

# Further values of repeated names that are kept: no sane message has more.
_MOST_REPEATED = 100

# No server takes that many headers in a request, its own entries in the environ included. What
# costs time for every header stops there, so that a flood of small ones costs nothing.
MANY = 512


# Callers send few different sets of names. Hostile ones are not allowed to fill the memory.
_MAX_SHAPES = 256
_MAX_LAYOUTS = 64

_LIKELY = {"x-request-id": 0, "traceparent": 1}


def environ_key(name: str) -> str:
    """The key of a header in a WSGI environ."""
    return "HTTP_" + name.upper().replace("-", "_")


class Layout(NamedTuple):
    """What is read of an environ that holds certain headers and no others, worked out once."""

    keys: Sequence[tuple[str, str]]
    # In the form of what is captured: to copy it and put the values in costs half of filling one.
    empty: dict[str, str]
    names: tuple[str, ...]


class Shape:
    """What an environ may hold in which certain keys were found at the first look."""

    __slots__ = ("_found", "announces", "layouts", "possible")

    def __init__(self, found: Set[str], names: Names) -> None:
        self._found = [(key, name) for key, name in names.environ.items() if key in found]
        arrived = {name for _, name in self._found}
        along = [name for name, first in names.secondary.items() if not arrived.isdisjoint(first)]
        # What may have come along, and a bit for each.
        self.possible = [(environ_key(name), 1 << place) for place, name in enumerate(along)]
        # sum of the bits -> layout
        self.layouts: dict[int, Layout] = {}
        self.announces = not names.announcing.isdisjoint(arrived)

    def layout(self, bits: int, names: Names) -> Layout:
        """What is read where these came along, kept for the next time."""
        if len(self.layouts) >= _MAX_LAYOUTS:
            self.layouts.clear()
        along = [(key, names.environ[key]) for key, bit in self.possible if bits & bit]
        keys = (*self._found, *along)
        lower = tuple(name for _, name in keys)
        made = self.layouts[bits] = Layout(keys, dict.fromkeys(lower, ""), lower)
        return made


class Names:
    """The header names to look for, in each spelling that containers use.

    `prefixes` holds families such as `uberctx-*`. Looking for them means reading every header, so
    it is done only when the header that announces the family has arrived. `secondary` names say
    nothing without one of those that each of them has, and are not looked for at first.
    """

    __slots__ = (
        "announcing",
        "environ",
        "environ_first",
        "lower",
        "prefixes",
        "raw",
        "raw_first",
        "raw_keys",
        "secondary",
        "shapes",
    )

    def __init__(
        self,
        names: Iterable[str],
        prefixes: Mapping[str, str] | None = None,
        secondary: Mapping[str, Set[str]] | None = None,
    ) -> None:
        self.lower = frozenset(names)
        self.secondary = secondary or {}
        # keys found in an environ -> what is read of it
        self.shapes: dict[frozenset[str], Shape] = {}
        # key of a WSGI environ -> name
        self.environ = {environ_key(name): name for name in self.lower}
        # The likeliest first: what is found ends the search.
        first = sorted(self.lower - self.secondary.keys(), key=lambda name: _LIKELY.get(name, 2))
        self.environ_first = tuple(environ_key(name) for name in first)
        # name in bytes -> name
        self.raw = {name.encode("latin-1"): name for name in self.lower}
        self.raw_keys = frozenset(self.raw)
        self.raw_first = frozenset(name.encode("latin-1") for name in first)
        # announcing header -> prefix of its family
        self.prefixes = dict(prefixes or {})
        self.announcing = frozenset(self.prefixes)

    def shape(self, found: Set[str]) -> Shape:
        """What is read where these keys of an environ were found, kept for the next time."""
        if len(self.shapes) >= _MAX_SHAPES:
            self.shapes.clear()
        made = self.shapes[frozenset(found)] = Shape(found, self)
        return made


def capture_environ(environ: Mapping[str, object], names: Names) -> Known:
    """The known headers of a WSGI environ.

    Walks the few names in C that something hangs on: a request with none of them, the commonest of
    all, costs nothing else. Then it looks for what goes along with those found.
    """
    found = environ.keys() & names.environ_first
    if not found:
        return NO_HEADERS
    shape = names.shapes.get(frozenset(found)) or names.shape(found)
    bits = 0
    for key, bit in shape.possible:
        if key in environ:
            bits |= bit
    keys, empty, lower = shape.layouts.get(bits) or shape.layout(bits, names)
    known = Captured(empty)
    for key, name in keys:
        value = environ[key]
        # What is no text no server has put there.
        if type(value) is not str:
            return _without_objects(environ, names)
        known[name] = value
    known.names = lower
    return _with_families(environ, names, known) if shape.announces else known


def _without_objects(environ: Mapping[str, object], names: Names) -> Known:
    """The known headers where an environ holds what is no text."""
    known = Known()
    for key, name in names.environ.items():
        value = environ.get(key)
        if type(value) is str:
            known[name] = value
    return _with_families(environ, names, known)


def _with_families(environ: Mapping[str, object], names: Names, known: Known) -> Known:
    """Together with the members of the families that have been announced."""
    several = Known(known)
    for announcing, prefix in names.prefixes.items():
        if announcing in known:
            _capture_family(environ, prefix, several)
    return several


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
    if names.raw_first.isdisjoint(map(_FIRST, pairs)):
        return NO_HEADERS
    values = dict(pairs)
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
