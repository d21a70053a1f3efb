"""The headers that a message or a child process takes along, without a span of its own.

Whoever takes the message out of its queue makes the span. Where nothing is current nothing is
taken along, so that the receiver begins the trace: a span that nobody makes would be its parent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from opentelemetry import trace

from autotrace import context as ctx
from autotrace import propagation
from autotrace.call import Inbound, Outbound
from autotrace.context import CALL, SPAN, Context, suppressed
from autotrace.core import Core
from autotrace.headers import capture_pairs
from autotrace.own_baggage import with_own_baggage
from autotrace.span import Span, otel_context


def carried(core: Core, context: Context) -> Outbound | None:
    """The headers for a message that is sent in this context; None leaves it as it is."""
    if len(context) > 2 and suppressed(context):
        return None
    call = context.get(CALL)
    if core.propagating:
        return call.passive() if type(call) is Inbound else None
    current = context.get(SPAN)
    if type(current) is Inbound:
        outbound = current.passive()
    else:
        sender = _sender(core, current, call)
        if sender is None:
            return None
        outbound = core.unrecorded(*sender)
    return with_own_baggage(outbound, context, call) if ctx.BAGGAGE else outbound


def _sender(core: Core, current: object, call: object) -> tuple[Inbound, Inbound] | None:
    """The ids of the current span, and the call that it belongs to."""
    if type(current) is Span:
        if not isinstance(current.call, Inbound):
            return None
        identity = _of(core, current.call)
        identity.trace_id, identity.span_id = current.trace_id, current.span_id
        identity.parent_id, identity.tracestate = current.parent_id, current.tracestate
        identity.sampled, identity.random = current.sampled, current.random
        return identity, current.call
    if isinstance(current, trace.Span) and current.get_span_context().is_valid:
        # A span that the program's own provider made.
        above = current.get_span_context()
        identity = _of(core, call if isinstance(call, Inbound) else core.root())
        identity.trace_id = trace.format_trace_id(above.trace_id)
        identity.span_id = trace.format_span_id(above.span_id)
        identity.tracestate = above.trace_state.to_header() if above.trace_state else ""
        identity.sampled = int(above.trace_flags.sampled)
        return identity, call if isinstance(call, Inbound) else identity
    return None


def _of(core: Core, call: Inbound) -> Inbound:
    made = Inbound()
    made.core, made.known, made.plan = core, call.known, call.plan
    return made


def joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers as a mapping; repeated names become one, as HTTP allows (RFC 9110 5.3)."""
    made: dict[str, str] = {}
    for name, value in pairs:
        made[name] = f"{made[name]},{value}" if name in made else value
    return made


def variable(name: str) -> str:
    """The environment variable that stands for a header."""
    return name.upper().replace("-", "_")


def environment(outbound: Outbound, inherited: Mapping[Any, Any]) -> dict[Any, Any]:
    """An environment like the inherited one that names the trace; nothing else of a request."""
    ours = {
        variable(name): value
        for name, value in joined(outbound.pairs).items()
        if propagation.is_forwarded(name)
    }
    theirs = {variable(name) for name in outbound.replaced}
    return {**{name: v for name, v in inherited.items() if name not in theirs}, **ours}


def adopted(core: Core, environ: Mapping[str, str]) -> Context | None:
    """The context of a process whose parent named a trace in its environment."""
    names = {variable(name): name for name in core.names.lower}
    pairs = [(names[name], value) for name, value in environ.items() if name in names]
    call = core.inbound(capture_pairs(pairs, core.names)) if pairs else None
    if call is None:
        return None
    if core.propagating:
        return Context({CALL: call})
    call.read()
    if not call.span_id:
        # Nobody to be a child of.
        return None
    if call.span is None:
        return Context({CALL: call, SPAN: call})
    # The process is no call that ends: its own spans are children of whatever started it.
    call.span = None
    above = otel_context(call.trace_id, call.span_id, True, call.tracestate, is_remote=True)
    return Context({CALL: call, SPAN: trace.NonRecordingSpan(above)})
