"""The span as OpenTelemetry's API shows it."""

from __future__ import annotations

import pytest
from opentelemetry import trace
from opentelemetry.trace.status import Status, StatusCode

from autotrace.span import INTERNAL, Span
from autotrace.tags import Reading
from tests.spans import PARENT, SPAN, TRACE


def span(finished: list[Span] | None = None) -> Span:
    finish = (lambda span: None) if finished is None else finished.append
    made = Span(INTERNAL, TRACE, SPAN, PARENT, "a=1", None, Reading(), finish)
    made.update_name("work")
    return made


def test_it_is_handed_on_once_when_it_ends() -> None:
    finished: list[Span] = []
    one = span(finished)
    assert one.is_recording()
    one.end()
    one.end()
    assert finished == [one]
    assert not one.is_recording()
    assert one.end_ns >= one.start_ns > 10**18


def test_an_end_time_can_be_given() -> None:
    one = span()
    one.end(one.start_ns + 5)
    assert one.end_ns - one.start_ns == 5


def test_nothing_changes_after_the_end() -> None:
    one = span()
    one.end()
    one.set_attribute("a", 1)
    one.set_attributes({"b": 2})
    one.add_event("c")
    one.update_name("d")
    one.set_status(StatusCode.ERROR)
    one.record_exception(ValueError())
    one.add_link(one.get_span_context())
    assert (one.tags(), one.events, one.links, one.name, one.status_code) == ([], (), (), "work", 0)


def test_its_context_names_it() -> None:
    context = span().get_span_context()
    assert trace.format_trace_id(context.trace_id) == TRACE
    assert trace.format_span_id(context.span_id) == SPAN
    assert context.trace_flags.sampled
    assert not context.is_remote
    assert context.trace_state.to_header() == "a=1"


def test_attributes_events_and_links_are_kept() -> None:
    one = span()
    one.set_attribute("a", 1)
    one.set_attributes({"b": "two"})
    one.add_event("seen", {"n": 1}, 42)
    one.add_link(one.get_span_context(), {"why": "test"})
    assert one.tags() == [("a", 1), ("b", "two")]
    assert [(e.name, e.time_ns, e.attributes) for e in one.events] == [("seen", 42, {"n": 1})]
    (link,) = one.links
    assert (link.trace_id, link.span_id, link.tracestate) == (TRACE, SPAN, "a=1")
    assert link.attributes == {"why": "test"}


def test_an_exception_that_passes_is_recorded_and_ends_it() -> None:
    one = span()
    with pytest.raises(ValueError, match="no"), one:
        raise ValueError("no")
    (event,) = one.events
    assert event.name == "exception"
    assert event.attributes["exception.type"] == "ValueError"
    assert event.attributes["exception.message"] == "no"
    assert "raise ValueError" in event.attributes["exception.stacktrace"]
    assert (one.status_code, one.status_message) == (2, "ValueError: no")
    assert one.end_ns


def test_an_exception_that_cannot_say_what_it_is_passes_all_the_same() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("mute")

    one = span()
    with pytest.raises(Mute), one:
        raise Mute
    assert one.events[0].attributes["exception.message"] == ""
    assert one.status_message == "Mute: "


def test_ok_is_final_and_unset_changes_nothing() -> None:
    one = span()
    one.set_status(Status(StatusCode.ERROR, "bad"))
    assert (one.status_code, one.status_message) == (2, "bad")
    one.set_status(StatusCode.UNSET)
    assert one.status_code == 2
    one.set_status(StatusCode.OK)
    one.set_status(StatusCode.ERROR, "again")
    assert (one.status_code, one.status_message) == (1, "")
