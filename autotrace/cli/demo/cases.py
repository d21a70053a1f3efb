"""The requests of the demonstration: what a caller may send, and what becomes of it."""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    """One request to the shop; `fields` are the tags of its first span that are worth a look."""

    title: str
    about: str
    headers: tuple[tuple[str, str], ...] = ()
    recorded: bool = True
    fields: tuple[str, ...] = ()


_ENVOYS_FIELDS = (
    "guid:x-request-id",
    "http.url",
    "http.method",
    "user_agent",
    "http.protocol",
    "peer.address",
    "response_size",
    "http.status_code",
    "response_flags",
)

CASES = (
    Case(
        "No trace header at all",
        "A browser. The shop begins the trace and makes the request id, with Envoy's trace reason "
        "as its 15th character: 9 is sampled. Its span has the fields of Envoy's.",
        fields=_ENVOYS_FIELDS,
    ),
    Case(
        "W3C trace context and baggage",
        "The trace goes on below the caller's span. tracestate and baggage are handed on as they "
        "came.",
        (
            ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            ("tracestate", "congo=t61rcWkgMzE"),
            ("baggage", "user.id=ann,plan=gold;source=crm"),
        ),
    ),
    Case(
        "B3 in several headers, 64-bit trace id, debug flag",
        "The debug flag stays set on every hop, and so does the width of the trace id; "
        "traceparent, which knows 128 bits only, is padded with zeros.",
        (
            ("x-b3-traceid", "463ac35c9f6413ad"),
            ("x-b3-spanid", "a2fb4a1d1a96d312"),
            ("x-b3-flags", "1"),
        ),
    ),
    Case(
        "B3 in a single header",
        "What arrived as b3 leaves as b3, beside the formats that are always sent.",
        (("b3", "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1"),),
    ),
    Case(
        "Envoy's request id, and a client that wants a trace",
        "The id arrives without a reason: 4, a plain UUID. x-client-trace-id asks for a trace, so "
        "b, forced by a client, is packed in, where every proxy and service behind reads it.",
        (
            ("x-request-id", "7d2c1f3a-0b5e-4c8d-9e6f-1a2b3c4d5e6f"),
            ("x-client-trace-id", "order-4711"),
        ),
        fields=("guid:x-request-id", "guid:x-client-trace-id"),
    ),
    Case(
        "A trace that is not sampled",
        "The caller decided against recording. No program makes a span, and the headers flow all "
        "the same, so that everybody behind knows. The request id says what chance would have "
        "decided; the caller's word outranks it.",
        (
            ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"),
            ("baggage", "user.id=bob"),
        ),
        recorded=False,
    ),
    Case(
        "SkyWalking, whose ids are any text",
        "Its trace id goes on as it came, and W3C and B3 beside it name the same trace by a fixed "
        "hash, the same in every service. Each call is a segment of its own.",
        (("sw8", "1-MTIzNA==-NTY3OA==-2-c2hvcA==-djE=-L2Jhc2tldA==-c2hvcDo4MA=="),),
    ),
)
