"""AWS X-Ray: `x-amzn-trace-id: Root=1-5759e988-bd862e3fe1be46a994272793;Parent=...;Sampled=1`.

https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from autotrace.headers import NO_HEADERS
from autotrace.propagation.hop import NOWHERE, Hop
from autotrace.propagation.incoming import Identity, Incoming, incoming
from autotrace.propagation.values import MAX_LENGTH, acceptable

if TYPE_CHECKING:
    from autotrace.headers import Known

TRACE_ID = "x-amzn-trace-id"
HEADERS = (TRACE_ID,)

_trace_id = re.compile("1-([0-9a-f]{8})-([0-9a-f]{24})").fullmatch
_span_id = re.compile("[0-9a-f]{16}").fullmatch
# `?` asks for a decision, and so do all other words.
_STATES = {"0": 0, "1": 1}
_ZERO_TRACE, _ZERO_SPAN = "0" * 32, "0" * 16
# More than X-Ray writes, which counts on it that nobody else does.
_LONGEST_LINEAGE = 256


class Fields(NamedTuple):
    """The fields of a header in lower case, empty where absent; `sampled` None if undecided."""

    root: str
    parent: str
    sampled: int | None


def parse(value: str) -> Fields:
    """The fields that say who called; the order is free, other keys are left out."""
    root = parent = sampled = ""
    for item in value[:MAX_LENGTH].lower().split(";"):
        key, _, text = item.partition("=")
        key = key.strip(" \t")
        if key == "root":
            root = text.strip(" \t")
        elif key == "parent":
            parent = text.strip(" \t")
        elif key == "sampled":
            sampled = text.strip(" \t")
    return Fields(root, parent, _STATES.get(sampled))


def extract(known: Known) -> Incoming | None:
    """The caller's span, or only its sampling wish; nothing if both are absent or malformed.

    A trace without a span is continued: AWS's load balancers begin one so.
    """
    value = known.get(TRACE_ID)
    if value is None:
        return None
    root, parent, sampled = parse(value)
    trace_id = hex_trace_id(root)
    if trace_id and (not parent or (_span_id(parent) and parent != _ZERO_SPAN)):
        return incoming("xray", trace_id, parent, sampled)
    return None if sampled is None else incoming("xray", "", "", sampled)


def hex_trace_id(root: str) -> str:
    """A trace id as the other formats write it; nothing if it is malformed."""
    match = _trace_id(root)
    if match is None:
        return ""
    trace_id = match[1] + match[2]
    return "" if trace_id == _ZERO_TRACE else trace_id


def root_of(trace_id: str) -> str:
    """A trace id as X-Ray writes it; the first eight digits were a time once, and may be any."""
    trace_id = trace_id.rjust(32, "0")
    return f"1-{trace_id[:8]}-{trace_id[8:]}"


def inject(
    span: Identity, known: Known = NO_HEADERS, hop: Hop = NOWHERE
) -> tuple[tuple[str, str], ...]:
    """The header that makes `span` the receiver's parent."""
    value = f"Root={root_of(span.trace_id)};Parent={span.span_id}"
    if span.sampled is not None:
        value += ";Sampled=1" if span.sampled else ";Sampled=0"
    if TRACE_ID in known:
        value += _lineage(known[TRACE_ID])
    return ((TRACE_ID, value),)


def _lineage(value: str) -> str:
    """The way through AWS's own services, by which they find loops, as it came."""
    if not acceptable(value):
        return ""
    for item in value.split(";"):
        key, _, text = item.partition("=")
        if key.strip(" \t").lower() == "lineage" and len(text) <= _LONGEST_LINEAGE:
            return f";Lineage={text.strip()}"
    return ""
