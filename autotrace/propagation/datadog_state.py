"""What Datadog says about a trace besides its ids: priority, origin and the trace's tags.

It stands in Datadog's headers or in the member `dd` of `tracestate`, and is handed on whole.

https://docs.datadoghq.com/tracing/trace_collection/trace_context_propagation/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from autotrace.propagation.incoming import Identity
from autotrace.propagation.values import acceptable

if TYPE_CHECKING:
    from autotrace.headers import Known

TRACE_ID = "x-datadog-trace-id"
PRIORITY = "x-datadog-sampling-priority"
ORIGIN = "x-datadog-origin"
TAGS = "x-datadog-tags"

USER_DROP, AUTO_DROP, AUTO_KEEP, USER_KEEP = -1, 0, 1, 2
PRIORITIES = {str(number): number for number in (USER_DROP, AUTO_DROP, AUTO_KEEP, USER_KEEP)}

PREFIX = "_dd.p."
HIGH_HALF = "_dd.p.tid"
DECISION_MAKER = "_dd.p.dm"
# Who decided, by Datadog's numbers of sampling mechanisms: the default, a person.
_BY_DEFAULT, _BY_HAND = (DECISION_MAKER, "-0"), (DECISION_MAKER, "-4")

Tags = tuple[tuple[str, str], ...]


class State(NamedTuple):
    """Priority, None where nobody decided; origin; tags by their whole names, without the id's.

    `parent` is the last span of Datadog's in the trace, `others` what else stood in the member of
    `tracestate`: both are only ever said there.
    """

    priority: int | None = None
    origin: str = ""
    tags: Tags = ()
    parent: str = ""
    others: str = ""


NOTHING = State()
# What begins with us: decided against, decided for, and by hand.
_NEW = State(AUTO_DROP), State(AUTO_KEEP, tags=(_BY_DEFAULT,)), State(USER_KEEP, tags=(_BY_HAND,))


def from_headers(known: Known) -> State:
    """What Datadog's headers say."""
    priority = PRIORITIES.get(known.get(PRIORITY, ""))
    origin = known.get(ORIGIN, "")
    if origin:
        origin = origin.strip(" \t") if acceptable(origin) else ""
    if TAGS not in known:
        return State(priority, origin)
    return State(priority, origin, tuple(tag for tag in tags(known[TAGS]) if tag[0] != HIGH_HALF))


def tags(text: str) -> list[tuple[str, str]]:
    """The tags of a trace in `x-datadog-tags`; malformed ones and others are left out."""
    if PREFIX not in text or not acceptable(text) or "\t" in text:
        return []
    pairs = (member.strip(" ").partition("=") for member in text.split(","))
    return [(key, value) for key, _, value in pairs if value and _is_key(key)]


def _is_key(key: str) -> bool:
    return key.startswith(PREFIX) and len(key) > len(PREFIX) and " " not in key


def from_tracestate(tracestate: str) -> State:
    """What the member `dd` of a valid `tracestate` says."""
    if "dd=" not in tracestate:
        return NOTHING
    for member in tracestate.split(","):
        key, _, value = member.strip(" \t").partition("=")
        if key == "dd":
            return _from_member(value)
    return NOTHING


def _from_member(value: str) -> State:
    priority, origin, parent = None, "", ""
    found: list[tuple[str, str]] = []
    others: list[str] = []
    for item in value.split(";"):
        key, colon, text = item.partition(":")
        if not colon:
            continue
        if key == "s":
            priority = PRIORITIES.get(text)
        elif key == "o":
            origin = text.replace("~", "=").strip(" ")
        elif key == "p":
            parent = text
        elif key.startswith("t."):
            tag = PREFIX + key[2:], text.replace("~", "=").strip(" ")
            if tag[1] and _is_key(tag[0]):
                found.append(tag)
        else:
            others.append(item)
    return State(priority, origin, tuple(found), parent, ";".join(others))


def _speak_of(span: Identity, known: Known) -> bool:
    """Whether Datadog's headers came and name no other trace, nor a malformed one."""
    if TRACE_ID in known:
        return known[TRACE_ID].lstrip("0") == str(int(span.trace_id[-16:], 16))
    return PRIORITY in known or ORIGIN in known or TAGS in known


def outgoing(span: Identity, known: Known) -> State:
    """What is said with `span`: what arrived, unless the decision became another one."""
    state = _arrived(span, known)
    sampled = span.sampled
    if sampled is None:
        return state
    if state is NOTHING:
        return _NEW[sampled]
    arrived = state.priority
    if arrived is not None and (arrived > 0) is (sampled > 0):
        return state if sampled < 2 else state._replace(priority=USER_KEEP)
    # The decision is ours, and so is the name of who made it; of a no nobody is named.
    new = _NEW[sampled]
    kept = tuple(tag for tag in state.tags if tag[0] != DECISION_MAKER)
    return state._replace(priority=new.priority, tags=(*new.tags, *kept))


def _arrived(span: Identity, known: Known) -> State:
    """What came with the trace of `span`: in Datadog's headers, or else in `tracestate`."""
    if not known or not _speak_of(span, known):
        return from_tracestate(span.tracestate)
    state = from_headers(known)
    if state.priority is None and span.tracestate:
        return state._replace(priority=from_tracestate(span.tracestate).priority)
    return state
