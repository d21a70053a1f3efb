"""Datadog's member of `tracestate`: `dd=s:1;p:00f067aa0ba902b7;o:rum;t.dm:-0`.

It takes what W3C's headers have no place for past tracers that know only those.

https://docs.datadoghq.com/tracing/trace_collection/trace_context_propagation/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from autotrace.headers import NO_HEADERS
from autotrace.propagation import tracecontext
from autotrace.propagation.datadog_state import PREFIX, from_tracestate, outgoing
from autotrace.propagation.hop import NOWHERE, Hop
from autotrace.propagation.incoming import Identity
from autotrace.propagation.tracecontext import TRACESTATE
from autotrace.propagation.tracestate import MAX_MEMBERS
from autotrace.propagation.values import MAX_LENGTH

if TYPE_CHECKING:
    from autotrace.headers import Known

# Of the whole member, as dd-trace counts it; W3C grants that much to the value alone.
_LONGEST = 256

# Separators of the member and of `tracestate`, and what neither may hold.
_illegal_in_keys = re.compile(r"[^!-~]|[,;=]").sub
_illegal_in_values = re.compile(r"[^ -~]|[,;~]").sub


def tracestate_member(span: Identity, known: Known = NO_HEADERS) -> str:
    """The member that names `span` as Datadog's last one, with all that is handed on.

    `known` as for `datadog.inject`.
    """
    state = outgoing(span, known)
    items = [f"p:{span.span_id}"]
    if state.priority is not None:
        items.insert(0, f"s:{state.priority}")
    if state.origin:
        items.append(f"o:{_value(state.origin)}")
    for key, value in state.tags:
        items.append(f"t.{_illegal_in_keys('_', key[len(PREFIX) :])}:{_value(value)}")
    others = state.others or from_tracestate(span.tracestate).others
    if others:
        items.append(others)
    member = "dd=" + ";".join(items)
    while len(member) > _LONGEST:
        member = member[: member.rindex(";")]
    # The last character of a value may not be a blank.
    return member.rstrip(" ")


def _value(text: str) -> str:
    return _illegal_in_values("_", text).replace("=", "~")


def with_member(tracestate: str, member: str) -> str:
    """`tracestate` with this member in front, in place of the one it had; empty only removes it."""
    if not tracestate:
        return member
    members = [item for each in tracestate.split(",") if (item := each.strip(" \t"))]
    members = [item for item in members if not item.startswith("dd=")]
    if member:
        members.insert(0, member)
    del members[MAX_MEMBERS:]
    text = ",".join(members)
    while len(text) > MAX_LENGTH:
        # The last ones are the oldest (W3C, 3.3.1.5).
        members.pop()
        text = ",".join(members)
    return text


def inject_tracecontext(
    span: Identity, known: Known = NO_HEADERS, hop: Hop = NOWHERE
) -> tuple[tuple[str, str], ...]:
    """W3C's headers for `span`, Datadog's member of `tracestate` brought up to date."""
    pairs = dict(tracecontext.inject(span, known, hop))
    pairs[TRACESTATE] = with_member(span.tracestate, tracestate_member(span, known))
    return tuple(pairs.items())
