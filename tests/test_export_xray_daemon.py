"""Documents on their way to X-Ray's daemon."""

from __future__ import annotations

import socket

import pytest

from autotrace.config import Config
from autotrace.export import pipeline
from autotrace.export.receiver import Outcome, Patience
from autotrace.export.xray_daemon import LIMIT, Daemon
from autotrace.headers import Known
from autotrace.span import CLIENT, INTERNAL, SERVER, Event
from tests.export_spans import (
    PARENT_ID,
    RESOURCE,
    SERVER_TAGS,
    SPAN_ID,
    START,
    make_span,
    numbered,
)
from tests.xray_validator import XRaySocket, listening_for_segments


def config(receiver: XRaySocket, **others: object) -> Config:
    """The configuration of an exporter that sends there."""
    return Config(
        exporter=("xray",),
        service_name="Shop",
        xray_endpoint=receiver.address,
        **others,  # type: ignore[arg-type]
    )


def test_a_span_arrives() -> None:
    with listening_for_segments() as receiver:
        sending = pipeline.build(config(receiver), RESOURCE)
        sending.put(make_span(tags=SERVER_TAGS))
        assert sending.flush(20.0)
        assert sending.counters()["xray"]["sent"] == 1
        document = receiver.received()
        sending.shutdown()
    assert (document["name"], document["id"], document["parent_id"]) == ("Shop", SPAN_ID, PARENT_ID)
    assert document["trace_id"] == "1-4bf92f35-77b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("kind", "parent_id", "name", "as_envoy"),
    [
        (SERVER, PARENT_ID, "Shop", "Shop"),
        (CLIENT, PARENT_ID, "stock", "Shop"),
        (INTERNAL, PARENT_ID, "by hand", "Shop"),
        # A call that nobody asked for begins a trace: what it is a part of is us.
        (CLIENT, "", "Shop", "Shop"),
    ],
)
def test_whose_node_a_span_is(kind: int, parent_id: str, name: str, as_envoy: str) -> None:
    span = make_span("by hand", [("upstream_cluster", "stock")], kind=kind, parent_id=parent_id)
    with listening_for_segments() as receiver:
        Daemon(config(receiver)).deliver([span], Patience())
        Daemon(config(receiver, provider="xray")).deliver([span], Patience())
        assert [each["name"] for each in receiver.so_far()] == [name, as_envoy]


def test_the_client_is_whom_the_request_was_forwarded_for() -> None:
    class Call:
        known = Known({"x-forwarded-for": "1.2.3.4"})

    span = make_span(tags=SERVER_TAGS)
    span.call = Call()
    with listening_for_segments() as receiver:
        Daemon(config(receiver)).deliver([span], Patience())
        request = receiver.received()["http"]["request"]
    assert (request["client_ip"], request["x_forwarded_for"]) == ("1.2.3.4", True)


def test_the_configured_fields_stand_in_each_segment() -> None:
    fields = {"origin": "AWS::AppMesh::Proxy", "aws": {"app_mesh": {"mesh_name": "m"}}}
    with listening_for_segments() as receiver:
        daemon = Daemon(config(receiver, xray_segment_fields=fields))
        daemon.deliver([make_span()], Patience())
        document = receiver.received()
    assert {name: document[name] for name in fields} == fields


def test_an_exception_is_the_cause() -> None:
    thrown = Event("exception", START, {"exception.type": "ValueError", "exception.message": "no"})
    with listening_for_segments() as receiver:
        Daemon(config(receiver)).deliver([make_span(status=2, events=[thrown])], Patience())
        document = receiver.received()
    assert document["fault"] is True
    ((exception,),) = (document["cause"]["exceptions"],)
    assert (exception["type"], exception["message"]) == ("ValueError", "no")


def test_a_document_that_is_too_long_is_cut() -> None:
    tags = [*SERVER_TAGS, *((f"a{n}", "\u20ac" * 1000) for n in range(49))]
    with listening_for_segments() as receiver:
        outcome = Daemon(config(receiver)).deliver([make_span(tags=tags)], Patience())
        document = receiver.received()
    assert outcome == Outcome(sent=1)
    assert document["annotations"]["a1"] == "\u20ac" * 250


def test_one_that_cannot_be_cut_is_lost_and_said_so() -> None:
    fields = {"aws": {str(n): n for n in range(20_000)}}
    with listening_for_segments() as receiver:
        daemon = Daemon(config(receiver, xray_segment_fields=fields))
        outcome = daemon.deliver([make_span()], Patience())
        assert receiver.so_far() == []
    assert (outcome.failed, str(LIMIT) in outcome.problem) == (1, True)


def test_a_thousand_arrive() -> None:
    with listening_for_segments() as receiver:
        sending = pipeline.build(config(receiver), RESOURCE)
        for span in numbered(1000):
            sending.put(span)
        assert sending.flush(20.0)
        ids = sorted(int(each["id"], 16) for each in receiver.so_far())
        sending.shutdown()
    assert ids == list(range(1, 1001))


def test_where_nobody_listens_all_are_counted() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    daemon = Daemon(Config(xray_endpoint=f"127.0.0.1:{port}"))
    problem = f"127.0.0.1:{port}: Connection refused"
    assert daemon.deliver(numbered(5), Patience()) == Outcome(failed=5, problem=problem)


def test_an_unknown_host_is_no_exception() -> None:
    outcome = Daemon(Config(xray_endpoint="nowhere.invalid:2000")).deliver(numbered(2), Patience())
    assert outcome.failed == 2
    assert outcome.problem.startswith("nowhere.invalid:2000: ")
