"""One lower-case view over any header container, holding only the names that tracing knows.

Servers and clients keep headers as WSGI environ entries, lists of pairs, dicts or lines of bytes.
`capture_*` reads each of them once and keeps the few names that matter, so that everything behind
works on one shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from itertools import islice
from operator import itemgetter
from typing import Any

# The names of a list of pairs, all text or all bytes.
Keys = tuple[Any, ...]


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

FIRST = itemgetter(0)

# Longer than any sane tracing header; also the limit that W3C gives for baggage.
MAX_LENGTH = 8192

# Further values of repeated names that are kept: no sane message has more.
_MOST_REPEATED = 100

# No server takes that many headers in a request, its own entries in the environ included. What
# costs time for every header stops there, so that a flood of small ones costs nothing.
MANY = 512


# No known name is that long.
_LONGEST_NAME = 256

# Callers send few different sets of names. Hostile ones are not allowed to fill the memory.
_MAX_LAYOUTS = 256

_LIKELY = {"x-request-id": 0, "traceparent": 1}


def environ_key(name: str) -> str:
    """The key of a header in a WSGI environ."""
    return "HTTP_" + name.upper().replace("-", "_")


class Layout:
    """What is read of an environ that holds certain headers and no others, worked out once.

    `absent` are the keys that would tell another one, `mark` is a key of its own by which most
    others are told at once.
    """

    __slots__ = ("absent", "announces", "mark", "names", "read")

    def __init__(self, there: Set[str], names: Names) -> None:
        first = [key for key in names.environ_first if key in there]
        arrived = {names.environ[key] for key in first}
        along = [key for key, of in names.environ_along.items() if not arrived.isdisjoint(of)]
        keys = [*first, *(key for key in along if key in there)]
        self.mark = keys[0] if keys else ""
        self.absent = [key for key in (*names.environ_first, *along) if key not in there]
        self.names = tuple(names.environ[key] for key in keys)
        self.announces = not names.announcing.isdisjoint(self.names)
        # As code, like the methods of a named tuple: a loop takes twice as long.
        entries = (f"{names.environ[key]!r}: environ[{key!r}]" for key in keys)
        self.read: Callable[[Mapping[str, Any]], dict[str, Any]] = eval(
            f"lambda environ: {{{', '.join(entries)}}}"
        )


class Order:
    """Which headers of a list are known ones, worked out once for the same names in that order.

    `keys` are the names as they came, `lower` the same in lower case. `known` are the places and
    names of those that come first, `repeated` of those that follow.
    """

    __slots__ = ("keys", "known", "names", "repeated")

    def __init__(self, keys: Keys, lower: Sequence[str], names: Names) -> None:
        self.keys = keys
        first: dict[str, int] = {}
        self.repeated: list[tuple[int, str]] = []
        for at, name in enumerate(lower):
            if name in names.lower:
                if name not in first:
                    first[name] = at
                elif len(self.repeated) < _MOST_REPEATED:
                    self.repeated.append((at, name))
        for announcing in names.announcing.intersection(first):
            for at, name in enumerate(lower):
                if name.startswith(names.prefixes[announcing]):
                    first.setdefault(name, at)
        self.known = [(at, name) for name, at in first.items()]
        self.names = (*first,)


class Orders:
    """The orders of the lists that have come, by their names; text and bytes are never compared."""

    __slots__ = ("_lower", "_made", "_names", "last")

    def __init__(self, names: Names, lower: Callable[[Keys], Sequence[str]]) -> None:
        self._names = names
        self._lower = lower
        self._made: dict[Keys, Order] = {}
        # That of the last message, since most have the same headers as the one before.
        self.last = Order((), (), names)

    def of(self, pairs: Sequence[tuple[Any, Any]]) -> Order:
        """Which headers of a list are known."""
        keys = tuple(map(FIRST, pairs if len(pairs) <= MANY else pairs[:MANY]))
        last = self.last
        return last if last.keys == keys else self._looked_up(keys)

    def _looked_up(self, keys: Keys) -> Order:
        if sum(map(len, keys)) > MAX_LENGTH:
            # Nobody sends that twice, and the longest of them are of no use to anybody.
            usual = tuple([key if len(key) <= _LONGEST_NAME else key[:0] for key in keys])
            return Order(keys, self._lower(usual), self._names)
        made = self._made.get(keys)
        if made is None:
            made = Order(keys, self._lower(keys), self._names)
            if len(self._made) >= _MAX_LAYOUTS:
                self._made.clear()
            self._made[keys] = made
        self.last = made
        return made


class Names:
    """The header names to look for, in each spelling that containers use.

    `prefixes` holds families such as `uberctx-*`. Looking for them means reading every header, so
    it is done only when the header that announces the family has arrived. `secondary` names say
    nothing without one of those that each of them has, and are not looked for at first.
    """

    __slots__ = (
        "_alone",
        "announcing",
        "environ",
        "environ_along",
        "environ_first",
        "first",
        "last",
        "layouts",
        "lower",
        "prefixes",
        "raw_orders",
        "text_orders",
    )

    def __init__(
        self,
        names: Iterable[str],
        prefixes: Mapping[str, str] | None = None,
        secondary: Mapping[str, Set[str]] | None = None,
    ) -> None:
        self.lower = frozenset(names)
        secondary = secondary or {}
        # key of a WSGI environ -> name
        self.environ = {environ_key(name): name for name in self.lower}
        # The likeliest first: what is found ends the search.
        first = sorted(self.lower - secondary.keys(), key=lambda name: _LIKELY.get(name, 2))
        self.first = tuple(first)
        self.environ_first = tuple(environ_key(name) for name in first)
        # key of a secondary name -> those of which it needs one
        self.environ_along = {environ_key(name): of for name, of in secondary.items()}
        self._alone = frozenset(first)
        # announcing header -> prefix of its family
        self.prefixes = dict(prefixes or {})
        self.announcing = frozenset(self.prefixes)
        # keys that are known in an environ -> what is read of it
        self.layouts: dict[frozenset[str], Layout] = {}
        # That of the last request, since most have the same headers as the one before.
        self.last = Layout(frozenset(), self)
        # The same of lists of pairs.
        self.raw_orders = Orders(self, self._lower_raw)
        self.text_orders = Orders(self, _lower)

    def layout(self, environ: Mapping[str, object], found: Set[str]) -> Layout:
        """What is read of an environ in which these keys were found at first."""
        there = frozenset(found | (environ.keys() & self.environ_along.keys()))
        made = self.layouts.get(there)
        if made is None:
            if len(self.layouts) >= _MAX_LAYOUTS:
                self.layouts.clear()
            made = self.layouts[there] = Layout(there, self)
        self.last = made
        return made

    def _lower_raw(self, keys: Keys) -> Sequence[str]:
        """Names in bytes as text; nothing where no header among them says something by itself."""
        lower = b"\n".join(keys).lower().decode("latin-1").split("\n")
        if len(lower) != len(keys):
            # None at all, or one that is no name.
            lower = [key.lower().decode("latin-1") for key in keys]
        return () if self._alone.isdisjoint(lower) else lower


def _lower(keys: Keys) -> Sequence[str]:
    return [key.lower() for key in keys]


def capture_environ(environ: Mapping[str, Any], names: Names) -> Known:
    """The known headers of a WSGI environ.

    Walks the few names in C that something hangs on: a request with none of them, the commonest of
    all, costs nothing else.
    """
    layout = names.last
    if layout.mark not in environ or not environ.keys().isdisjoint(layout.absent):
        found = environ.keys() & names.environ_first
        if not found:
            return NO_HEADERS
        layout = names.layout(environ, found)
    try:
        values = layout.read(environ)
    except KeyError:
        # It has less than the last one.
        layout = names.layout(environ, environ.keys() & names.environ_first)
        values = layout.read(environ)
    try:
        # Tells what is no text, which no server has put there.
        "".join(values.values())
    except TypeError:
        return _without_objects(environ, names)
    known = Captured(values)
    known.names = layout.names
    return _with_families(environ, names, known) if layout.announces else known


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


def _as_it_is(value: str) -> str:
    return value


def capture_pairs(
    pairs: Iterable[tuple[str, Any]], names: Names, text: Callable[[Any], str] = _as_it_is
) -> Known:
    """The known headers of a list of text pairs, names in any case, repeated ones kept.

    `text` makes text of values that are none yet.
    """
    several = pairs if isinstance(pairs, (list, tuple)) else list(pairs)
    return _ordered(several, names.text_orders.of(several), text)


def capture_bytes(pairs: Sequence[tuple[bytes, bytes]], names: Names) -> Known:
    """The known headers of a list of pairs of bytes, names in any case, repeated ones kept.

    As `capture_environ`, it does in C what it does for every header.
    """
    order = names.raw_orders.of(pairs)
    if not order.known:
        return NO_HEADERS
    if order.repeated:
        return _ordered(pairs, order, _latin_1)
    # The same in fewer calls, since every request to a server of coroutines comes here.
    known = Captured([(name, pairs[at][1].decode("latin-1")) for at, name in order.known])
    known.names = order.names
    return known


def _ordered(pairs: Sequence[tuple[Any, Any]], order: Order, text: Callable[[Any], str]) -> Known:
    """The headers that an order knows, their values as text."""
    if not order.known:
        return NO_HEADERS
    if order.repeated:
        several = Repeated([(name, text(pairs[at][1])) for at, name in order.known])
        several.repeated = [(name, text(pairs[at][1])) for at, name in order.repeated]
        return several
    known = Captured([(name, text(pairs[at][1])) for at, name in order.known])
    known.names = order.names
    return known


def _latin_1(value: bytes) -> str:
    return value.decode("latin-1")
