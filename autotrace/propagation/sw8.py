"""SkyWalking's `sw8`: eight fields, of which the texts are Base64, and two headers beside it.

A trace id is any text there, and a span is named by its segment and its number within: what is no
hex becomes hex by a fixed hash, so that every service derives the same.

https://skywalking.apache.org/docs/main/latest/en/api/x-process-propagation-headers-v3/
"""

from __future__ import annotations

import re
from binascii import a2b_base64, b2a_base64
from typing import TYPE_CHECKING, NamedTuple

from autotrace.headers import NO_HEADERS
from autotrace.propagation.hop import NOWHERE, Hop
from autotrace.propagation.incoming import Identity, Incoming, incoming
from autotrace.propagation.values import MAX_LENGTH, acceptable

if TYPE_CHECKING:
    from autotrace.headers import Known

SW8 = "sw8"
CORRELATION = "sw8-correlation"
EXTENSION = "sw8-x"
HEADERS = (SW8, CORRELATION, EXTENSION)

# With padding, and never empty.
_QUARTET = "[A-Za-z0-9+/]{4}"
_TEXT = f"((?:{_QUARTET})*(?:{_QUARTET}|[A-Za-z0-9+/]{{3}}=|[A-Za-z0-9+/]{{2}}==))"
_fields = re.compile(
    f"([01])-{_TEXT}-{_TEXT}-([0-9]{{1,10}})-{_TEXT}-{_TEXT}-{_TEXT}-{_TEXT}"
).fullmatch
_HEX = frozenset("0123456789abcdef")
# The wire has no empty field; Envoy's word for what is not known.
_UNKNOWN = "-"
# So that the header is never longer than may be sent, whatever path was called under what id.
_LONGEST_TEXT = 256
_LONGEST_TRACE_ID = 1024


class Sw8(NamedTuple):
    """The eight fields, decoded."""

    sample: bool
    trace_id: str
    segment_id: str
    span_id: int
    service: str
    instance: str
    endpoint: str
    address: str


def parse(value: str) -> Sw8 | None:
    """The fields of a header; nothing if one is missing or malformed."""
    fields = _match(value)
    if fields is None:
        return None
    flag, trace_id, segment_id, span_id, *names = fields
    service, instance, endpoint, address = (_decoded(name) for name in names)
    return Sw8(
        flag == "1",
        _decoded(trace_id),
        _decoded(segment_id),
        int(span_id),
        service,
        instance,
        endpoint,
        address,
    )


def _match(value: str) -> tuple[str, ...] | None:
    """The fields as they stand in the header."""
    match = _fields(value) if len(value) <= MAX_LENGTH else None
    if match is None or len(match[2]) > _LONGEST_TRACE_ID:
        return None
    return match.groups()


def _decoded(field: str) -> str:
    return a2b_base64(field).decode("utf-8", "replace")


def _encoded(text: str) -> str:
    data = (text[:_LONGEST_TEXT] or _UNKNOWN).encode("utf-8", "replace")
    return b2a_base64(data, newline=False).decode()


def extract(known: Known) -> Incoming | None:
    """The caller's span; nothing if the header is absent or malformed."""
    value = known.get(SW8)
    if value is None:
        return None
    fields = _match(value)
    if fields is None:
        return None
    return incoming("sw8", *_ids(fields), int(fields[0]))


def _ids(fields: tuple[str, ...]) -> tuple[str, str]:
    """Trace and span id in hex."""
    return _hex_trace_id(fields[1]), _hex_span_id(fields[2], fields[3])


def _hex_trace_id(field: str) -> str:
    data = a2b_base64(field)
    text = _hex(data) if len(data) in (16, 32) else ""
    return text or _hash(data, 16)


def _hex_span_id(segment: str, number: str) -> str:
    data = a2b_base64(segment)
    number = str(int(number))
    # Zero is what `inject` writes where nobody counts spans in segments.
    text = _hex(data) if number == "0" and len(data) == 16 else ""
    return text or _hash(data + b"-" + number.encode(), 8)


def _hex(data: bytes) -> str:
    """The text, if it is an id as we write it."""
    text = data.decode("latin-1")
    return text if _HEX.issuperset(text) and text.strip("0") else ""


def _hash(data: bytes, size: int) -> str:
    """So many bytes of a hash in hex, never all zero."""
    # The C module itself: `hashlib` loads OpenSSL, which costs ten times as much.
    from _blake2 import blake2b

    digest = blake2b(data, digest_size=size).digest()
    return digest.hex() if any(digest) else "1".rjust(2 * size, "0")


def inject(
    span: Identity, known: Known = NO_HEADERS, hop: Hop = NOWHERE
) -> tuple[tuple[str, str], ...]:
    """The headers that make `span` the receiver's parent."""
    return (SW8, _value(span, known.get(SW8, ""), hop)), *_carried(known)


def _value(span: Identity, arrived: str, hop: Hop) -> str:
    """The header; what is handed on for the caller itself stays as it came."""
    flag = "1" if span.sampled else "0"
    fields = _match(arrived) if arrived else None
    trace_field = ""
    if fields is not None and _hex_trace_id(fields[1]) == span.trace_id:
        if _hex_span_id(fields[2], fields[3]) == span.span_id:
            return arrived if span.sampled is None else flag + arrived[1:]
        trace_field = fields[1]
    texts = hop.service, hop.instance, hop.endpoint, hop.address
    return "-".join(
        (
            flag,
            trace_field or _encoded(span.trace_id),
            _encoded(hop.segment_id or span.span_id),
            str(hop.exit_span_id if hop.segment_id else 0),
            *map(_encoded, texts),
        )
    )


def _carried(known: Known) -> list[tuple[str, str]]:
    """Correlation and extension, as they came."""
    pairs = ((name, known[name]) for name in (CORRELATION, EXTENSION) if name in known)
    return [pair for pair in pairs if acceptable(pair[1])]
