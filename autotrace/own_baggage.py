"""The baggage that the program set itself, in place of what arrived."""

from __future__ import annotations

from collections.abc import Mapping

from autotrace import context as ctx
from autotrace.call import Inbound, Outbound
from autotrace.context import Context
from autotrace.headers import Known
from autotrace.propagation import baggage, ot

BAGGAGE = baggage.BAGGAGE


def arrived_baggage(known: Known) -> dict[str, str] | None:
    """The baggage that arrived as the program sees it: W3C's, and that of OpenTracing's header."""
    entries = ot.baggage(known) if ot.OT_SPAN_CONTEXT in known else {}
    if BAGGAGE in known:
        entries.update(baggage.parse(baggage.carried(known)))
    elif not entries:
        return None
    return entries


def with_own_baggage(outbound: Outbound, context: Context, call: object) -> Outbound:
    """An outbound call that sends the baggage of the context, if that is another than arrived."""
    own = context.get(ctx.BAGGAGE)
    arrived = call.baggage if isinstance(call, Inbound) else None
    if own is None or own is arrived:
        return outbound
    entries = own if isinstance(own, Mapping) else {}
    pairs = [_with_items(pair, entries) for pair in outbound.pairs if pair[0] != BAGGAGE]
    text = _changed(call, entries)
    if text:
        pairs.append((BAGGAGE, text))
    changed = outbound.instead(pairs, outbound.replaced | {BAGGAGE})
    changed.confined = True
    return changed


def _with_items(pair: tuple[str, str], entries: Mapping[object, object]) -> tuple[str, str]:
    """A header; the one that has room for baggage with the program's in it."""
    name, value = pair
    if name != ot.OT_SPAN_CONTEXT:
        return pair
    texts = {key: str(text) for key, text in entries.items() if isinstance(key, str)}
    return name, ot.with_baggage(value, texts)


def _changed(call: object, own: Mapping[str, object]) -> str:
    """The program's baggage as a header; entries that it left alone stay as they arrived."""
    before = call.baggage if isinstance(call, Inbound) else None
    if not isinstance(call, Inbound) or not isinstance(before, dict):
        return baggage.encode(own)
    changes = {key: value for key, value in own.items() if before.get(key) != value}
    return baggage.merge(
        baggage.carried(call.known), {**dict.fromkeys(before.keys() - own.keys()), **changes}
    )
