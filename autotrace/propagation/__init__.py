"""Trace headers in and out: one pure module a format, and the table of them.

Every format is looked for in every call. What arrived is continued in the formats it came in, and
all formats that are sent name the same span.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from typing import NamedTuple

from autotrace.headers import Known
from autotrace.propagation import (
    b3,
    b3multi,
    baggage,
    cloudtrace,
    datadog,
    datadog_tracestate,
    grpcbin,
    jaeger,
    ot,
    ottrace,
    sw8,
    tracecontext,
    twofold,
    xray,
)
from autotrace.propagation.forward import (
    FAMILIES,
    FORWARDED,
    MAX_CARRIED,
    carried,
    carry,
    carry_text,
    in_family,
)
from autotrace.propagation.hop import NOWHERE, Hop
from autotrace.propagation.incoming import Identity, Incoming
from autotrace.propagation.values import MAX_LENGTH, acceptable

__all__ = [
    "CONFLICTS",
    "FAMILIES",
    "FORMATS",
    "FORWARDED",
    "MAX_CARRIED",
    "MAX_LENGTH",
    "NOTHING",
    "NOWHERE",
    "OWNER",
    "SECONDARY",
    "Inject",
    "Plan",
    "Planner",
    "Extracted",
    "Format",
    "Hop",
    "Identity",
    "Incoming",
    "acceptable",
    "as_it_came",
    "carried",
    "extract",
    "carry",
    "carry_text",
    "in_family",
    "inject_both",
    "is_forwarded",
    "refuses",
    "without",
]

Pairs = tuple[tuple[str, str], ...]
# Of a format that arrived: the headers of the inbound call, in which more may stand that it keeps.
Inject = Callable[[Identity, Known, Hop], Pairs]


class Format(NamedTuple):
    """One header format: the names it owns, how it is read, how it is written."""

    name: str
    headers: tuple[str, ...]
    extract: Callable[[Known], Incoming | None]
    inject: Inject


# In the order in which they are believed where the configuration does not say otherwise.
FORMATS: dict[str, Format] = {
    name: Format(name, module.HEADERS, module.extract, module.inject)
    for name, module in (
        ("tracecontext", tracecontext),
        ("b3", b3),
        ("b3multi", b3multi),
        ("datadog", datadog),
        ("sw8", sw8),
        ("xray", xray),
        ("ot", ot),
        ("ottrace", ottrace),
        ("cloudtrace", cloudtrace),
        ("grpcbin", grpcbin),
        ("jaeger", jaeger),
    )
}

# header -> format, of all headers that an application is asked to forward, `x-request-id` aside
OWNER: dict[str, str] = {
    **{header: format.name for format in FORMATS.values() for header in format.headers},
    **dict.fromkeys(baggage.HEADERS, "baggage"),
    **FORWARDED,
}

# format -> how many calls came with another trace in it than the one that was continued.
CONFLICTS = dict.fromkeys(FORMATS, 0)

# Headers of no format that are sent with every call, in place of the program's own.
_ALWAYS_OURS = ("x-request-id", "baggage")

_WITH_DATADOG: dict[Inject, Inject] = {tracecontext.inject: datadog_tracestate.inject_tracecontext}

# parent; further spans, of other traces; the sampling wish, in the four states of
# `Incoming.sampled`. A plain tuple, because one is made in every call.
Extracted = tuple[Incoming | None, tuple[Incoming, ...], int | None]
NOTHING: Extracted = (None, (), None)

# Headers that say nothing without one of these.
SECONDARY: dict[str, frozenset[str]] = {
    name: frozenset(FORMATS[OWNER[name]].headers)
    for name in (
        *("tracestate", "x-b3-spanid", "x-b3-parentspanid", "x-datadog-parent-id"),
        *("x-datadog-origin", "x-datadog-tags", "sw8-x", "ot-tracer-spanid", "ot-tracer-sampled"),
    )
}
# Baggage, which goes along with any format.
SECONDARY["sw8-correlation"] = frozenset(OWNER)

# What comes out of most meshes, where one proxy has written both.
_TWOFOLD = ("tracecontext", "b3multi")

# Callers send few different sets of names. Hostile ones are not allowed to fill the memory.
_MAX_PLANS = 1024


class Plan:
    """What is done about a call with a certain set of known headers, worked out once.

    `arrived` are the formats that it came in, `extractors` read them in the order in which they
    are believed; `twofold`: they are the two that nearly always agree. `injections` write the
    formats that are sent, and take the place of the headers named in `replaced`; `both`: they are
    these two as well. `by_hop`: they differ by who is called. `carried` are the headers sent on as
    they are. `decides`: headers came that have a say in whether the call is traced.
    """

    __slots__ = (
        "arrived",
        "both",
        "by_hop",
        "carried",
        "decides",
        "extractors",
        "injections",
        "replaced",
        "twofold",
    )

    def __init__(
        self,
        names: tuple[str, ...],
        order: tuple[str, ...],
        wanted: Set[str],
        only: tuple[Inject, ...] | None = None,
        deciding: Set[str] = frozenset(),
    ) -> None:
        formats = [FORMATS[name] for name in _ordered(order)]
        arrived = [format for format in formats if any(h in names for h in format.headers)]
        self.arrived = tuple(format.name for format in arrived)
        self.extractors = tuple(format.extract for format in arrived)
        self.twofold = self.arrived == _TWOFOLD and twofold.is_likely(names)
        sent_on = () if only is not None else self.arrived
        sent = [FORMATS[n] for n in dict.fromkeys((*order, *sent_on)) if n in FORMATS]
        self.injections = tuple(format.inject for format in sent) if only is None else only
        self.both = only is None and {format.name for format in sent} == {*_TWOFOLD}
        self.by_hop = any(format.name == "sw8" for format in sent)
        if any(format.name == "datadog" for format in sent):
            # Datadog's state stands in W3C's headers too.
            self.injections = tuple(_WITH_DATADOG.get(each, each) for each in self.injections)
        self.replaced = frozenset(
            (*(header for format in sent for header in format.headers), *_ALWAYS_OURS)
        )
        self.carried = carried(names, wanted - self.replaced)
        self.decides = not deciding.isdisjoint(names)


class Planner:
    """The plans by the names that arrived, for the configured formats in their order.

    What arrives is sent on in its formats as well; with `only`, which writes the configured ones,
    it is not, and what is `wanted` of it is carried as it came. `deciding` are headers that have a
    say in the decision, beside the formats and the request id.
    """

    __slots__ = ("_deciding", "_only", "_order", "_plans", "_wanted", "nothing")

    def __init__(
        self,
        order: Iterable[str],
        wanted: Set[str] = FORWARDED.keys(),
        only: tuple[Inject, ...] | None = None,
        deciding: Set[str] = frozenset(),
    ) -> None:
        self._order = tuple(order)
        self._wanted = wanted
        self._only = only
        self._deciding = deciding
        self._plans: dict[tuple[str, ...], Plan] = {}
        self.nothing = self.anew(())

    def anew(self, names: tuple[str, ...]) -> Plan:
        """What to do where these names arrived, not looked up."""
        return Plan(names, self._order, self._wanted, self._only, self._deciding)

    def plan(self, known: Known) -> Plan:
        """What to do about these headers."""
        names = known.names or (*known,)
        try:
            return self._plans[names]
        except KeyError:
            if len(self._plans) >= _MAX_PLANS:
                self._plans.clear()
            made = self._plans[names] = self.anew(names)
            return made


def refuses(known: Known, plan: Plan) -> bool:
    """Whether the caller says, in headers that are told at once, that the call is not sampled.

    Then `extract` says so too, whatever else it finds.
    """
    return plan.twofold and twofold.refuses(known)


def as_it_came(known: Known, plan: Plan) -> twofold.Told | None:
    """The trace headers of a call that its caller refuses, where they are what is sent anyway."""
    return twofold.as_it_came(known) if plan.both else None


inject_both = twofold.inject


def extract(known: Known, plan: Plan) -> Extracted:
    """Who called, by the first format that names a span.

    What the others say about the same trace completes it; what names another trace is listed.
    """
    parent: Incoming | None = None
    if plan.twofold:
        parent = twofold.extract(known)
        if parent is not None:
            return parent, (), parent.sampled
    others: tuple[Incoming, ...] = ()
    wish: int | None = None
    for read in plan.extractors:
        incoming = read(known)
        if incoming is None:
            continue
        said = incoming.sampled
        if parent is None:
            if incoming.trace_id:
                parent = incoming
        elif incoming.trace_id and not _completes(incoming, parent):
            others = (*others, incoming)
            if wish is None:
                wish = said
            continue
        # Debug is a stronger yes, which not every format can say.
        if wish is None or (wish == 1 and said == 2):
            wish = said
    return parent, others, wish


def without(known: Known, others: Iterable[Incoming]) -> Known:
    """The headers that are left without those of the formats that these came in."""
    theirs = {header for each in others for header in FORMATS[each.format].headers}
    return Known({name: value for name, value in known.items() if name not in theirs})


def _ordered(order: Iterable[str]) -> list[str]:
    """All formats, those of `order` first, B3's single header before its several ones.

    The specification prefers it, wherever the two stand; formats without a codec are left out.
    """
    ordered = list(dict.fromkeys(name for name in (*order, *FORMATS) if name in FORMATS))
    single, several = ordered.index("b3"), ordered.index("b3multi")
    if several < single:
        ordered.insert(several, ordered.pop(single))
    return ordered


def _completes(incoming: Incoming, parent: Incoming) -> bool:
    """Whether both name the same trace; then the parent gets what only the other can say."""
    ours, theirs = parent.trace_id, incoming.trace_id
    if ours != theirs:
        # A 64-bit id is widened by formats that only know 128 bits, or 128 bits were cut.
        if len(ours) == len(theirs) or ours[-16:] != theirs[-16:]:
            return False
        if len(ours) < len(theirs):
            narrow, wide = ours, theirs
        else:
            narrow, wide = theirs, ours
        # Where it was only widened the narrow spelling is the original one, and is widened again
        # where it must be; where it was cut only the wide one is whole.
        parent.trace_id = narrow if wide == narrow.rjust(32, "0") else wide
    if not parent.span_id:
        parent.span_id = incoming.span_id
    if not parent.states:
        parent.states = incoming.states
    if incoming.random:
        parent.random = True
    if not parent.parent_id and parent.span_id == incoming.span_id:
        parent.parent_id = incoming.parent_id
    return True


def is_forwarded(name: str) -> bool:
    """Whether a request header is copied to the calls that it causes, without any tracer."""
    return name in OWNER or name == "x-request-id" or in_family(name)
