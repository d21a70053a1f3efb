"""Trace headers in and out: one pure module a format, and the table of them.

Every format is looked for in every call. What arrived is continued in the formats it came in, and
all formats that are sent name the same span.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from autotrace.headers import Known
from autotrace.propagation import b3, b3multi, baggage, tracecontext
from autotrace.propagation.forward import FAMILIES, FORWARDED, MAX_CARRIED, carried, in_family
from autotrace.propagation.hop import NOWHERE, Hop
from autotrace.propagation.incoming import Identity, Incoming
from autotrace.propagation.values import MAX_LENGTH, acceptable

__all__ = [
    "FAMILIES",
    "FORMATS",
    "FORWARDED",
    "MAX_CARRIED",
    "MAX_LENGTH",
    "NOTHING",
    "NOWHERE",
    "OWNER",
    "Extracted",
    "Format",
    "Formats",
    "Hop",
    "Identity",
    "Incoming",
    "acceptable",
    "carried",
    "extract",
    "formats",
    "in_family",
    "is_forwarded",
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
    for name, module in (("tracecontext", tracecontext), ("b3", b3), ("b3multi", b3multi))
}

# header -> format, of all headers that an application is asked to forward, `x-request-id` aside
OWNER: dict[str, str] = {
    **{header: format.name for format in FORMATS.values() for header in format.headers},
    **dict.fromkeys(baggage.HEADERS, "baggage"),
    **FORWARDED,
}

# parent; formats that arrived, in order; further spans, of other traces; the sampling wish, in
# the four states of `Incoming.sampled`. A plain tuple, because one is made in every call.
Extracted = tuple[Incoming | None, tuple[str, ...], tuple[Incoming, ...], int | None]
NOTHING: Extracted = (None, (), (), None)

_Plan = tuple[tuple[Callable[[Known], Incoming | None], ...], tuple[str, ...]]
# order -> names that arrived -> what to do about them
_plans: dict[tuple[str, ...], dict[tuple[str, ...], _Plan]] = {}
# Callers send few different sets of names. Hostile ones are not allowed to fill the memory.
_MAX_PLANS = 1024


def extract(known: Known, order: tuple[str, ...]) -> Extracted:
    """Who called, by the first format that names a span: `order` first, then the table's order.

    What the others say about the same trace completes it; what names another trace is listed.
    """
    names = (*known,)
    try:
        extractors, arrived = _plans[order][names]
    except KeyError:
        extractors, arrived = _plan(names, order)
    if not extractors:
        return NOTHING
    parent: Incoming | None = None
    others: tuple[Incoming, ...] = ()
    wish: int | None = None
    for read in extractors:
        incoming = read(known)
        if incoming is None:
            continue
        if wish is None:
            wish = incoming.sampled
        if parent is None:
            if incoming.trace_id:
                parent = incoming
        elif incoming.trace_id and not _completes(incoming, parent):
            others = (*others, incoming)
            continue
        # Debug is a stronger yes, which not every format can say.
        if wish == 1 and incoming.sampled == 2:
            wish = 2
    return parent, arrived, others, wish


def _plan(names: tuple[str, ...], order: tuple[str, ...]) -> _Plan:
    plans = _plans.setdefault(order, {})
    if len(plans) >= _MAX_PLANS:
        plans.clear()
    arrived = [name for name in _ordered(order) if any(h in names for h in FORMATS[name].headers)]
    extractors = tuple(FORMATS[name].extract for name in arrived)
    plan = plans[names] = extractors, tuple(arrived)
    return plan


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
        if ours == theirs.rjust(32, "0"):
            # The narrow spelling is the original one, and is widened again where it must be.
            parent.trace_id = theirs
    if not parent.tracestate:
        parent.tracestate = incoming.tracestate
    if incoming.random:
        parent.random = True
    if not parent.parent_id and parent.span_id == incoming.span_id:
        parent.parent_id = incoming.parent_id
    return True


class Formats(NamedTuple):
    """The formats of an outbound call: what writes them, and all names that they replace."""

    injections: tuple[Inject, ...]
    names: tuple[str, ...]


def formats(arrived: Iterable[str], configured: Iterable[str]) -> Formats:
    """What is sent: the configured formats and those that arrived."""
    chosen = [FORMATS[name] for name in dict.fromkeys((*configured, *arrived)) if name in FORMATS]
    return Formats(
        tuple(format.inject for format in chosen),
        tuple(header for format in chosen for header in format.headers),
    )


def is_forwarded(name: str) -> bool:
    """Whether a request header is copied to the calls that it causes, without any tracer."""
    return name in OWNER or name == "x-request-id" or in_family(name)
