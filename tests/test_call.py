"""What the core decides about calls, and the headers that come of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import baggage as otel_baggage
from opentelemetry import trace
from opentelemetry.context import Context

from autotrace import config, context, ids, integration, propagation
from autotrace.call import Inbound, Outbound
from autotrace.context import CURRENT
from autotrace.core import Core, configured
from autotrace.facts import ClientRequest, Failure, Response
from autotrace.headers import Known, Repeated
from autotrace.propagation import ot
from autotrace.span import CLIENT, SERVER, Span

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{SPAN}-01"
B3 = f"{TRACE}-{SPAN}"
ID = "00000000-0000-4000-8000-000000000000"  # its integer is 0: always within the share


@pytest.fixture(autouse=True)
def nothing_current() -> Iterator[None]:
    before = CURRENT.get()
    CURRENT.set(context.EMPTY)
    yield
    CURRENT.set(before)


@pytest.fixture
def finished() -> list[Span]:
    return []


def core(finished: list[Span] | None = None, **settings: Any) -> Core:
    environ = {f"AUTOTRACE_{name.upper()}": str(value) for name, value in settings.items()}
    settled, problems = config.load(environ)
    assert problems == []
    return configured(settled, (lambda span: None) if finished is None else finished.append)[0]


def asked(subject: object) -> ClientRequest:
    """Describes the outbound call of these tests."""
    return ClientRequest("GET", "http", "stock", 8000, "/items/1")


def inbound(core: Core, **headers: str) -> Inbound:
    call = core.inbound(Known({name.replace("_", "-"): v for name, v in headers.items()}))
    assert call is not None
    return call


def serving(call: Inbound | None) -> Context:
    assert call is not None
    return integration.serving(call)


def outbound(core: Core, call: Inbound | None = None) -> Outbound:
    if call is not None:
        CURRENT.set(serving(call))
    made = core.outbound(asked, None)
    assert made is not None
    return made


def sent(out: Outbound) -> dict[str, str]:
    assert len({name for name, _ in out.pairs}) == len(out.pairs)
    return dict(out.pairs)


def test_a_new_trace_has_a_server_span_and_hands_its_child_on(finished: list[Span]) -> None:
    one = core(finished)
    call = inbound(one)
    assert call.span is not None
    out = outbound(one, call)
    assert out.span is not None
    assert (call.span.kind, out.span.kind) == (SERVER, CLIENT)
    assert (call.span.parent_id, call.span.parent_is_remote) == ("", False)
    assert (out.span.trace_id, out.span.parent_id) == (call.span.trace_id, call.span.span_id)
    assert sent(out) == {
        "traceparent": f"00-{call.span.trace_id}-{out.span.span_id}-01",
        "x-b3-traceid": call.span.trace_id,
        "x-b3-spanid": out.span.span_id,
        "x-b3-parentspanid": call.span.span_id,
        "x-b3-sampled": "1",
        "x-request-id": call.request_id,
    }
    out.end()
    server = call.span
    call.finish(200, 5)
    assert finished == [out.span, server]
    assert (server.status, server.response_size) == (200, 5)


def test_an_inbound_trace_is_joined() -> None:
    call = inbound(core(), traceparent=TRACEPARENT, tracestate="a=1")
    assert call.span is not None
    assert (call.span.trace_id, call.span.parent_id) == (TRACE, SPAN)
    assert call.span.parent_is_remote
    assert call.span.tracestate == "a=1"


def test_what_arrived_is_sent_besides_what_is_configured() -> None:
    one = core(propagators="tracecontext")
    out = outbound(one, inbound(one, b3=B3))
    assert out.span is not None
    assert {*sent(out)} == {"traceparent", "b3", "x-request-id"}
    assert sent(out)["b3"].startswith(f"{TRACE}-{out.span.span_id}-1")


def test_an_unsampled_call_makes_no_span_and_hands_its_parent_on() -> None:
    one = core()
    call = inbound(one, traceparent=TRACEPARENT[:-1] + "0")
    out = outbound(one, call)
    assert call.span is out.span is None
    assert sent(out)["traceparent"] == f"00-{TRACE}-{SPAN}-00"
    assert sent(out)["x-b3-sampled"] == "0"
    assert outbound(one, call) is out


@pytest.mark.parametrize("traceparent", [f"00-{TRACE}-{SPAN}-00", f"00-{TRACE}-{SPAN}-02", "00"])
@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"x-b3-parentspanid": "5" * 16},
        {"x-b3-parentspanid": "five"},
        {"x-b3-traceid": TRACE[16:]},
        {"x-b3-spanid": "0" * 16, "traceparent": f"00-{TRACE}-{'0' * 16}-00"},
        {"x-b3-spanid": SPAN.upper(), "traceparent": f"00-{TRACE}-{SPAN.upper()}-00"},
        {"x-b3-traceid": "no trace", "traceparent": f"00-no trace-{SPAN}-00"},
        {"tracestate": "shop=a, cart=b"},
        {"tracestate": "Shop=a"},
        {"baggage": "user=7", "x-datadog-sampled": "0", "x-request-id": ID},
        {"b3": "0"},
    ],
)
def test_a_call_that_is_refused_sends_the_same_whether_or_not_its_ids_were_read(
    traceparent: str, changed: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What did not arrive is made.
    monkeypatch.setattr(ids, "random_bits", lambda bits: 7)
    headers = {"traceparent": traceparent, "tracestate": "shop=a", "x-b3-sampled": "0"}
    headers |= {"x-b3-traceid": TRACE, "x-b3-spanid": SPAN} | changed
    ours = core(propagators="tracecontext,baggage,b3multi")
    unread, read = ours.inbound(Known(headers)), ours.inbound(Known(headers))
    assert unread is not None and read is not None
    assert not unread.sampled
    read.identify()
    assert sorted(unread.passive().pairs) == sorted(read.passive().pairs)


def test_an_unsampled_call_without_ids_gets_the_same_ones_for_all_its_calls() -> None:
    one = core(random_sampling=0)
    call = inbound(one)
    pairs = sent(outbound(one, call))
    assert call.span is None
    assert pairs["traceparent"].endswith("-00")
    assert sent(outbound(one, call)) == pairs
    assert call.get_span_context().trace_id == int(pairs["x-b3-traceid"], 16)
    assert not call.get_span_context().trace_flags.sampled


@pytest.mark.parametrize(
    ("headers", "settings", "sampled"),
    [
        ({}, {}, 1),
        ({}, {"random_sampling": 0}, 0),
        ({"traceparent": TRACEPARENT}, {"random_sampling": 0}, 1),
        ({"traceparent": TRACEPARENT[:-1] + "0"}, {}, 0),
        ({"b3": "0"}, {}, 0),
        ({"b3": "d"}, {"random_sampling": 0}, 2),
        ({"b3": B3}, {}, 1),
        ({"b3": B3}, {"random_sampling": 0}, 0),
        ({"x_b3_flags": "1"}, {"random_sampling": 0}, 2),
        ({"x_request_id": ID}, {"random_sampling": 1}, 1),
        ({"x_request_id": "0000270f" + ID[8:]}, {"random_sampling": 50}, 0),
        ({"x_request_id": ID[:14] + "9" + ID[15:]}, {"random_sampling": 0}, 1),
        ({"x_request_id": ID[:14] + "9" + ID[15:]}, {"overall_sampling": 0}, 0),
        ({"x_request_id": "no uuid"}, {"random_sampling": 100}, 1),
        ({"x_request_id": "no uuid"}, {"random_sampling": 0}, 0),
        ({"x_client_trace_id": "c"}, {"random_sampling": 0}, 1),
        ({"x_client_trace_id": "c"}, {"random_sampling": 0, "client_sampling": 0}, 0),
        ({"x_envoy_force_trace": "", "x_forwarded_for": "10.0.0.1"}, {"random_sampling": 0}, 1),
        ({"x_envoy_force_trace": "", "x_forwarded_for": "8.8.8.8"}, {"random_sampling": 0}, 0),
        ({"x_envoy_force_trace": ""}, {"random_sampling": 0}, 0),
    ],
)
def test_decisions(headers: dict[str, str], settings: dict[str, Any], sampled: int) -> None:
    call = inbound(core(**settings), **headers)
    assert call.sampled == sampled
    assert (call.span is not None) is bool(sampled)


@pytest.mark.parametrize(
    ("headers", "settings", "expected"),
    [
        ({"x_request_id": ID}, {}, ID[:14] + "9" + ID[15:]),
        ({"x_request_id": ID}, {"pack_trace_reason": 0}, ID),
        ({"x_request_id": ID}, {"random_sampling": 0}, ID),
        ({"x_request_id": "no uuid"}, {}, "no uuid"),
        ({"x_request_id": ID, "x_client_trace_id": "c"}, {}, ID[:14] + "b" + ID[15:]),
    ],
)
def test_a_request_id_is_kept_with_its_reason(
    headers: dict[str, str], settings: dict[str, Any], expected: str
) -> None:
    one = core(**settings)
    call = inbound(one, **headers)
    assert call.request_id == expected
    assert sent(outbound(one, call))["x-request-id"] == expected


def test_no_request_id_is_made_where_that_is_switched_off() -> None:
    one = core(generate_request_id=0)
    call = inbound(one)
    assert call.span is not None
    assert not call.request_id
    assert "x-request-id" not in sent(outbound(one, call))


def test_the_request_id_of_an_outsider_is_replaced_at_the_edge() -> None:
    one = core(use_remote_address=1)
    known = Known({"x-request-id": ID})
    at_edge, inside = one.inbound(known, peer="8.8.8.8"), one.inbound(known, peer="10.0.0.1")
    assert at_edge is not None
    assert inside is not None
    assert at_edge.request_id not in (None, "", ID)
    assert inside.request_id == ID[:14] + "9" + ID[15:]


@pytest.mark.parametrize(
    ("method", "path", "recorded"),
    [
        ("GET", "/healthz?x=1", False),
        ("POST", "/healthz", True),
        ("PUT", "/metrics", False),
        ("PUT", "/metrics/x", True),
    ],
)
def test_an_excluded_call_is_not_recorded_but_flows(method: str, path: str, recorded: bool) -> None:
    one = core(exclude="GET /healthz, /metrics")
    assert one.looks
    call = one.inbound(Known({"traceparent": TRACEPARENT}), ("h", method, path))
    assert call is not None
    assert (call.span is not None) is recorded
    if not recorded:
        assert sent(outbound(one, call))["traceparent"] == TRACEPARENT


def test_propagate_mode_sends_what_arrived_and_nothing_else() -> None:
    one = core(mode="propagate")
    headers = {
        "x_b3_traceid": "463AC35C9F6413AD48485A3953BB6124",
        "x_b3_spanid": "A2FB4A1D1A96D312",
        "sw8": "1-x",
        "x_request_id": "Any Thing",
        "traceparent": "malformed",
    }
    known = Repeated({name.replace("_", "-"): value for name, value in headers.items()})
    known.repeated = [("sw8", "2-y")]
    call = one.inbound(known)
    assert call is not None
    assert call.span is None
    CURRENT.set(serving(call))
    out = one.outbound(asked, None)
    assert out is not None
    assert sorted(out.pairs) == sorted(known.pairs())
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_propagate_mode_has_nothing_to_say_where_nothing_arrived() -> None:
    one = core(mode="propagate")
    assert one.inbound(Known()) is None
    assert one.outbound(asked, None) is None


def test_headers_without_a_codec_are_carried_and_others_are_not() -> None:
    one = core(forward_headers="end-user")
    headers = {
        "x_datadog_sampled": "1-x",
        "end_user": "jason",
        "x_client_trace_id": "c",
        "baggage": "a=1;p=2",
    }
    pairs = sent(outbound(one, inbound(one, **headers)))
    assert (pairs["x-datadog-sampled"], pairs["end-user"], pairs["baggage"]) == (
        "1-x",
        "jason",
        "a=1;p=2",
    )
    assert "x-client-trace-id" not in pairs


def test_a_value_that_could_split_the_message_is_never_sent() -> None:
    one = core(forward_headers="end-user")
    headers = {
        "x_datadog_sampled": "1\r\nX: y",
        "end_user": "\xe9",
        "baggage": "a=\n",
        "x_request_id": "a\nb",
    }
    pairs = sent(outbound(one, inbound(one, **headers)))
    assert not {"x-datadog-sampled", "end-user", "baggage"} & {*pairs}
    assert len(pairs["x-request-id"]) == 36


def test_formats_that_name_other_traces_become_links() -> None:
    other = "f" * 32
    call = inbound(core(), traceparent=TRACEPARENT, b3=f"{other}-{SPAN}-1")
    assert call.span is not None
    assert call.span.trace_id == TRACE
    assert [(link.trace_id, link.span_id) for link in call.span.links] == [(other, SPAN)]


def test_a_call_that_nobody_asked_for_begins_a_trace() -> None:
    out = outbound(core())
    assert out.span is not None
    assert out.span.parent_id == ""
    assert "x-b3-parentspanid" not in sent(out)
    assert len(sent(out)["x-request-id"]) == 36
    assert not out.on_wire


def test_a_call_that_nobody_asked_for_is_decided_about_each_time() -> None:
    one = core(random_sampling=0)
    first, second = outbound(one), outbound(one)
    assert first.span is second.span is None
    assert sent(first)["traceparent"] != sent(second)["traceparent"]
    assert sent(first)["traceparent"].endswith("-00")


def test_a_span_of_the_program_lies_between() -> None:
    one = core()
    call = inbound(one)
    span = one.internal(serving(call))
    assert isinstance(span, Span)
    assert call.span is not None
    assert (span.trace_id, span.parent_id) == (call.span.trace_id, call.span.span_id)
    CURRENT.set(trace.set_span_in_context(span, serving(call)))
    out = one.outbound(asked, None)
    assert out is not None
    assert out.span is not None
    assert out.span.parent_id == span.span_id
    assert sent(out)["x-request-id"] == call.request_id


def test_debug_passes_through_a_span_of_the_program() -> None:
    one = core()
    call = inbound(one, b3=f"{B3}-d")
    span = one.internal(serving(call))
    CURRENT.set(trace.set_span_in_context(span, serving(call)))
    out = one.outbound(asked, None)
    assert out is not None
    assert sent(out)["x-b3-flags"] == "1"


def test_a_span_of_the_programs_own_provider_is_the_parent() -> None:
    one = core()
    call = inbound(one, traceparent=TRACEPARENT)
    for flags in (trace.TraceFlags.SAMPLED, trace.TraceFlags.DEFAULT):
        theirs = trace.SpanContext(int(TRACE, 16), 0xABC, False, trace.TraceFlags(flags))
        span = trace.NonRecordingSpan(theirs)
        CURRENT.set(trace.set_span_in_context(span, serving(call)))
        out = one.outbound(asked, None)
        assert out is not None
        if flags:
            assert out.span is not None
            assert (out.span.trace_id, out.span.parent_id) == (TRACE, f"{0xABC:016x}")
        else:
            assert out.span is None
            assert sent(out)["traceparent"] == f"00-{TRACE}-{0xABC:016x}-00"
        assert sent(out)["x-request-id"] == call.request_id


def test_below_an_unsampled_call_the_program_gets_no_recorded_span() -> None:
    one = core()
    call = inbound(one, b3="0")
    assert one.internal(serving(call)) is call
    assert not call.is_recording()


def test_who_suppresses_instrumentation_outside_of_requests_is_left_alone() -> None:
    """As the worker of an exporter does."""
    CURRENT.set(Context({"suppress_instrumentation": True}))
    assert core().outbound(asked, None) is None


def test_a_program_that_suppresses_instrumentation_is_left_alone() -> None:
    one = core()
    suppressing = Context({**serving(inbound(one)), "suppress_instrumentation": True})
    CURRENT.set(suppressing)
    assert one.outbound(asked, None) is None


def test_baggage_that_the_program_changed_goes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "BAGGAGE", otel_baggage._BAGGAGE_KEY)
    one = core()
    call = inbound(one, baggage="a=1;p=2,b=x%20y")
    CURRENT.set(serving(call))
    assert otel_baggage.get_all() == {"a": "1", "b": "x y"}
    out = one.outbound(asked, None)
    assert out is not None
    assert sent(out)["baggage"] == "a=1;p=2,b=x%20y"
    CURRENT.set(otel_baggage.set_baggage("c", "3"))
    out = one.outbound(asked, None)
    assert out is not None
    assert out.span is not None
    assert sent(out)["baggage"] == "a=1;p=2,b=x%20y,c=3"


def test_opentracings_baggage_is_read_and_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "BAGGAGE", otel_baggage._BAGGAGE_KEY)
    one = core(provider="lightstep")
    header = sent(outbound(one))["x-ot-span-context"]
    call = inbound(one, x_ot_span_context=ot.with_baggage(header, {"user": "ann"}))
    CURRENT.set(serving(call))
    assert otel_baggage.get_all() == {"user": "ann"}
    CURRENT.set(otel_baggage.set_baggage("plan", "gold"))
    out = one.outbound(asked, None)
    assert out is not None
    known = Known({"x-ot-span-context": sent(out)["x-ot-span-context"]})
    assert ot.baggage(known) == {"user": "ann", "plan": "gold"}


def test_a_failed_exchange_keeps_why(finished: list[Span]) -> None:
    out = outbound(core(finished))
    out.failed(Failure(("UF",), "refused"))
    out.end()
    (span,) = finished
    assert (span.flags, span.reason, span.status) == (("UF",), "refused", 0)


def test_an_exchange_that_nobody_ends_is_over_when_it_is_collected(finished: list[Span]) -> None:
    out = outbound(core(finished))
    out.answered(Response(200))
    del out
    CURRENT.set(context.EMPTY)
    assert [span.status for span in finished] == [200]


def test_ids_have_their_width_and_differ() -> None:
    assert len(ids.new_trace_id()) == 32
    assert len(ids.new_short_trace_id()) == len(ids.new_span_id()) == 16
    assert len({ids.new_span_id() for _ in range(100)}) == 100


def test_short_trace_ids_on_request() -> None:
    call = inbound(core(trace_id_128bit=0))
    assert call.span is not None
    assert len(call.span.trace_id) == 16


def test_a_trace_that_is_not_continued_is_linked_and_counted(finished: list[Span]) -> None:
    one = core(finished)
    before = dict(propagation.CONFLICTS)
    call = inbound(
        one, traceparent=TRACEPARENT, b3="80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1"
    )
    assert call.span is not None
    assert [(link.trace_id, link.span_id) for link in call.span.links] == [
        ("80f198ee56343ba864fe8b2a57d3eff7", "e457b5a2e4d86bd1")
    ]
    assert {n: c - before[n] for n, c in propagation.CONFLICTS.items() if c != before[n]} == {
        "b3": 1
    }
    # Both formats name the trace that goes on.
    sent_on = sent(outbound(one, call))
    assert sent_on["b3"].startswith(sent_on["traceparent"].split("-")[1])
