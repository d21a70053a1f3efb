"""`uber-trace-id` and `jaeger-debug-id`, by Jaeger's documentation and clients."""

from __future__ import annotations

import pytest

from autotrace.propagation import jaeger
from tests.propagation_spans import Outgoing, known

WIDE = "80f198ee56343ba864fe8b2a57d3eff7"
NARROW = "64fe8b2a57d3eff7"
SPAN = "e457b5a2e4d86bd1"
PARENT = "05e3ac9a4f6e3b90"


@pytest.mark.parametrize(
    ("value", "trace_id", "span_id", "parent_id", "sampled"),
    [
        (f"{WIDE}:{SPAN}:{PARENT}:1", WIDE, SPAN, PARENT, 1),
        (f"{WIDE}:{SPAN}:0:0", WIDE, SPAN, "", 0),
        (f"{NARROW}:{SPAN}:0:1", NARROW, SPAN, "", 1),
        (f"{NARROW}:{SPAN}:{'0' * 16}:01", NARROW, SPAN, "", 1),
        # As Go and OpenTelemetry's Python write ids: without zeros in front.
        (f"{WIDE}:{SPAN}:{PARENT[1:]}:3", WIDE, SPAN, PARENT, 2),
        (f"{NARROW[2:]}:1:0:1", f"00{NARROW[2:]}", "0000000000000001", "", 1),
        (f"{WIDE[3:]}:{SPAN}:0:1", f"000{WIDE[3:]}", SPAN, "", 1),
        ("1:2:3:1", "0000000000000001", "0000000000000002", "0000000000000003", 1),
        (
            "000000000000000000000000deadbeef:00000000deadbef0:00000000:01",
            "000000000000000000000000deadbeef",
            "00000000deadbef0",
            "",
            1,
        ),
        (f"{WIDE}:{SPAN}:0:1".upper(), WIDE, SPAN, "", 1),
        # Debug implies sampled; other bits are for others.
        (f"{NARROW}:{SPAN}:0:2", NARROW, SPAN, "", 2),
        (f"{NARROW}:{SPAN}:0:9", NARROW, SPAN, "", 1),
        (f"{NARROW}:{SPAN}:0:fc", NARROW, SPAN, "", 0),
        (f"{NARROW}:{SPAN}:0:0F", NARROW, SPAN, "", 2),
        # Encoded like a part of an address.
        (f"{NARROW}%3A{SPAN}%3A0%3A1", NARROW, SPAN, "", 1),
        (f"{WIDE}%3a{SPAN}%3a{PARENT}%3a1", WIDE, SPAN, PARENT, 1),
        # The parent is deprecated, and no reason to lose the trace.
        (f"{NARROW}:{SPAN}::1", NARROW, SPAN, "", 1),
        (f"{NARROW}:{SPAN}:-1:1", NARROW, SPAN, "", 1),
        (f"{NARROW}:{SPAN}:{PARENT}0:1", NARROW, SPAN, "", 1),
    ],
)
def test_extract(value: str, trace_id: str, span_id: str, parent_id: str, sampled: int) -> None:
    incoming = jaeger.extract(known(uber_trace_id=value))
    assert incoming is not None
    assert (incoming.trace_id, incoming.span_id, incoming.parent_id, incoming.sampled) == (
        trace_id,
        span_id,
        parent_id,
        sampled,
    )
    assert (incoming.format, incoming.tracestate, incoming.random) == ("jaeger", "", False)


MALFORMED = [
    "",
    ":",
    ":::",
    ":::1",
    f"0:{SPAN}:0:1",
    f"{'0' * 32}:{SPAN}:0:1",
    f"{NARROW}:0:0:1",
    f"{NARROW}:{'0' * 16}:0:1",
    f":{SPAN}:0:1",
    f"{NARROW}::0:1",
    f"{WIDE}0:{SPAN}:0:1",
    f"{NARROW}:{SPAN}0:0:1",
    f"{NARROW}:{SPAN}:0",
    f"{NARROW}:{SPAN}:0:1:1",
    f"{NARROW}:{SPAN}:0:",
    f"{NARROW}:{SPAN}:0:g",
    f"{NARROW}:{SPAN}:0:-1",
    f"{NARROW}:{SPAN}:0:100",
    f"{NARROW}:{SPAN}:0: 1",
    f"{NARROW[1:]}g:{SPAN}:0:1",
    f"+{NARROW[1:]}:{SPAN}:0:1",
    f"0x1:{SPAN}:0:1",
    f" {NARROW[1:]}:{SPAN}:0:1",
    f"{NARROW}-{SPAN}-0-1",
    f"{NARROW}%253A{SPAN}%253A0%253A1",
    f"\u0661:{SPAN}:0:1",
    "\xe9:\xe9:\xe9:1",
    ":" * 100_000,
]


@pytest.mark.parametrize("value", MALFORMED)
def test_malformed_is_ignored(value: str) -> None:
    assert jaeger.extract(known(uber_trace_id=value)) is None


def test_absent() -> None:
    assert jaeger.extract(known()) is None


@pytest.mark.parametrize("value", ["some-correlation-id", ""])
@pytest.mark.parametrize("context", [None, *MALFORMED[:4]])
def test_a_debug_id_alone_is_a_wish(value: str, context: str | None) -> None:
    headers = known(jaeger_debug_id=value)
    if context is not None:
        headers["uber-trace-id"] = context
    incoming = jaeger.extract(headers)
    assert incoming is not None
    assert (incoming.trace_id, incoming.span_id, incoming.sampled) == ("", "", 2)


def test_a_debug_id_beside_a_span_is_none() -> None:
    incoming = jaeger.extract(known(uber_trace_id=f"{NARROW}:{SPAN}:0:0", jaeger_debug_id="x"))
    assert incoming is not None
    assert (incoming.trace_id, incoming.sampled) == (NARROW, 0)


@pytest.mark.parametrize(
    ("span", "value"),
    [
        (Outgoing(WIDE, SPAN, PARENT, 1), f"{WIDE}:{SPAN}:{PARENT}:1"),
        (Outgoing(NARROW, SPAN, "", 0), f"{NARROW}:{SPAN}:0:0"),
        (Outgoing(NARROW, SPAN, PARENT, 2), f"{NARROW}:{SPAN}:{PARENT}:3"),
        (Outgoing(NARROW, SPAN, "", None), f"{NARROW}:{SPAN}:0:0"),
    ],
)
def test_inject(span: Outgoing, value: str) -> None:
    assert jaeger.inject(span) == (("uber-trace-id", value),)
