"""Envoy's header for OpenTracing: `x-ot-span-context`, as its Lightstep tracer fills it.

Base64 of a protobuf message, `lightstep.BinaryCarrier`:
https://github.com/lightstep/lightstep-tracer-common/blob/master/lightstep_carrier.proto
Trace ids have 64 bits; of a longer one the right half is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from autotrace.headers import NO_HEADERS
from autotrace.propagation import binary
from autotrace.propagation.hop import NOWHERE, Hop
from autotrace.propagation.incoming import Identity, Incoming, incoming
from autotrace.propagation.protobuf import BYTES, FIXED64, VARINT, fields, sized
from autotrace.propagation.values import MAX_LENGTH

if TYPE_CHECKING:
    from autotrace.headers import Known

OT_SPAN_CONTEXT = "x-ot-span-context"
HEADERS = (OT_SPAN_CONTEXT,)

# Keys of the carrier's fields, and of what is in them.
_CONTEXT_KEY = 2 << 3 | BYTES
_TRACE_ID_KEY = 1 << 3 | FIXED64
_SPAN_ID_KEY = 2 << 3 | FIXED64
_SAMPLED_KEY = 3 << 3 | VARINT
_BAGGAGE_KEY = 4 << 3 | BYTES
_KEY_KEY = 1 << 3 | BYTES
_VALUE_KEY = 2 << 3 | BYTES
_TRACE_ID = bytes((_TRACE_ID_KEY,))
_SPAN_ID = bytes((_SPAN_ID_KEY,))
_SAMPLED = bytes((_SAMPLED_KEY, 1))
_BAGGAGE = bytes((_BAGGAGE_KEY,))
_CONTEXT = bytes((_CONTEXT_KEY,))
_KEY = bytes((_KEY_KEY,))
_VALUE = bytes((_VALUE_KEY,))
# As long as a header is that names a span and no baggage.
_WITHOUT_BAGGAGE = 32

# The ids, whether it is sampled, and the items of baggage as they are on the wire.
_Carrier = tuple[int, int, bool, list[bytes]]


def extract(known: Known) -> Incoming | None:
    """The caller's span; nothing if absent or malformed."""
    value = known.get(OT_SPAN_CONTEXT)
    if not value:
        return None
    carrier = _read(value)
    if carrier is None:
        return None
    trace_id, span_id, sampled, _ = carrier
    if not trace_id or not span_id:
        return None
    return incoming("ot", f"{trace_id:016x}", f"{span_id:016x}", int(sampled))


def inject(
    span: Identity, known: Known = NO_HEADERS, hop: Hop = NOWHERE
) -> tuple[tuple[str, str], ...]:
    """The header that makes `span` the receiver's parent, with the baggage that arrived in it."""
    trace_id = int(span.trace_id[-16:], 16)
    if not trace_id:
        # Half of an id that is nothing: it cannot be named here.
        return ()
    context = _context(trace_id, int(span.span_id, 16), bool(span.sampled))
    arrived = known.get(OT_SPAN_CONTEXT, "")
    if len(arrived) > _WITHOUT_BAGGAGE:
        carrier = _read(arrived)
        if carrier is not None and carrier[3]:
            items = b"".join(_BAGGAGE + sized(item) for item in carrier[3])
            text = _written(context + items)
            if len(text) <= MAX_LENGTH:
                return ((OT_SPAN_CONTEXT, text),)
    return ((OT_SPAN_CONTEXT, _written(context)),)


def baggage(known: Known) -> dict[str, str]:
    """The baggage that arrived with the span, decoded."""
    carrier = _read(known.get(OT_SPAN_CONTEXT, ""))
    return dict(map(_item, carrier[3])) if carrier is not None else {}


def with_baggage(value: str, items: Mapping[str, str]) -> str:
    """The header with these items of baggage in place of those in it; as it was if too long."""
    carrier = _read(value)
    if carrier is None:
        return value
    trace_id, span_id, sampled, _ = carrier
    context = _context(trace_id, span_id, sampled)
    for name, text in items.items():
        # Half of a surrogate pair cannot be encoded, and must not raise.
        key, data = name.encode("utf-8", "replace"), text.encode("utf-8", "replace")
        context += _BAGGAGE + sized(_KEY + sized(key) + _VALUE + sized(data))
    text = _written(context)
    return text if len(text) <= MAX_LENGTH else value


def _item(data: bytes) -> tuple[str, str]:
    """Name and value of an item; raises ValueError where it is none."""
    name = value = b""
    for key, found in fields(data):
        if isinstance(found, bytes):
            if key == _KEY_KEY:
                name = found
            elif key == _VALUE_KEY:
                value = found
    return name.decode("utf-8", "replace"), value.decode("utf-8", "replace")


def _context(trace_id: int, span_id: int, sampled: bool) -> bytes:
    # The lowest byte comes first.
    ids = _TRACE_ID + trace_id.to_bytes(8, "little") + _SPAN_ID + span_id.to_bytes(8, "little")
    return ids + _SAMPLED if sampled else ids


def _written(context: bytes) -> str:
    return binary.padded(_CONTEXT + sized(context))


def _read(text: str) -> _Carrier | None:
    data = binary.decode(text)
    if not data:
        return None
    trace_id = span_id = 0
    sampled = False
    items: list[bytes] = []
    try:
        for message, context in fields(data):
            if message != _CONTEXT_KEY or not isinstance(context, bytes):
                continue
            # A message in several parts is one; of a repeated field the last counts.
            for key, found in fields(context):
                if isinstance(found, bytes):
                    if key == _BAGGAGE_KEY:
                        # Sent on only if it is one.
                        _item(found)
                        items.append(found)
                elif key == _TRACE_ID_KEY:
                    trace_id = found
                elif key == _SPAN_ID_KEY:
                    span_id = found
                elif key == _SAMPLED_KEY:
                    sampled = bool(found)
    except ValueError:
        return None
    return trace_id, span_id, sampled, items
