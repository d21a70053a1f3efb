"""OpenCensus' binary format: `grpc-trace-bin`, raw bytes in gRPC's metadata, base64 over HTTP.

https://github.com/census-instrumentation/opencensus-specs/blob/master/encodings/BinaryEncoding.md
A version and three fields, each behind its number: trace id, span id, options.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autotrace.headers import NO_HEADERS
from autotrace.propagation import binary
from autotrace.propagation.hop import NOWHERE, Hop
from autotrace.propagation.incoming import Identity, Incoming, incoming

if TYPE_CHECKING:
    from autotrace.headers import Known

GRPC_TRACE_BIN = "grpc-trace-bin"
HEADERS = (GRPC_TRACE_BIN,)

_TRACE_AT, _SPAN_AT, _OPTIONS_AT = 2, 19, 28
# Version 0 and the number of the first field; then those of the other two.
_BEFORE_TRACE, _BEFORE_SPAN, _BEFORE_OPTIONS = b"\x00\x00", b"\x01", b"\x02"
_ZERO_TRACE, _ZERO_SPAN = bytes(16), bytes(8)


def extract(known: Known) -> Incoming | None:
    """The caller's span; nothing if absent or malformed."""
    value = known.get(GRPC_TRACE_BIN)
    return from_bytes(binary.decode(value)) if value else None


def from_bytes(data: bytes) -> Incoming | None:
    """The caller's span from gRPC's metadata; nothing if malformed.

    What later versions may append is not read. Options may be left out.
    """
    if data[:_TRACE_AT] != _BEFORE_TRACE or data[_SPAN_AT - 1 : _SPAN_AT] != _BEFORE_SPAN:
        return None
    trace_id = data[_TRACE_AT : _SPAN_AT - 1]
    span_id = data[_SPAN_AT : _OPTIONS_AT - 1]
    if len(span_id) != 8 or trace_id == _ZERO_TRACE or span_id == _ZERO_SPAN:
        return None
    state = None
    if data[_OPTIONS_AT - 1 : _OPTIONS_AT] == _BEFORE_OPTIONS:
        if len(data) <= _OPTIONS_AT:
            return None
        state = data[_OPTIONS_AT] & 1
    return incoming("grpcbin", trace_id.hex(), span_id.hex(), state)


def inject(
    span: Identity, known: Known = NO_HEADERS, hop: Hop = NOWHERE
) -> tuple[tuple[str, str], ...]:
    """The header that makes `span` the receiver's parent, over HTTP."""
    return ((GRPC_TRACE_BIN, binary.encode(to_bytes(span))),)


def to_bytes(span: Identity) -> bytes:
    """The same for gRPC's metadata, which wants the bytes themselves."""
    sampled = "0201" if span.sampled else "0200"
    return bytes.fromhex(f"0000{span.trace_id.rjust(32, '0')}01{span.span_id}{sampled}")
