"""SkyWalking's segments, as its definition reads them, and their way to the server."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import grpc
import pytest

from autotrace.config import Config, load
from autotrace.export import attempts, pipeline
from autotrace.export.skywalking import Encoder
from autotrace.facts import ClientRequest
from autotrace.headers import Known
from autotrace.propagation import sw8
from autotrace.span import CLIENT, CONSUMER, INTERNAL, PRODUCER, SERVER, Event, Span
from tests.export_grpc_server import Answer, collecting_grpc
from tests.export_spans import (
    PARENT_ID,
    RESOURCE,
    SERVER_TAGS,
    SPAN_ID,
    START,
    TRACE_ID,
    make_span,
    numbered,
)
from tests.skywalking_messages import COLLECT, INSTANCE, PROPERTIES, read

NAMES: dict[str, Any] = {"service_name": "Shop", "node_id": "pod-7"}
STANDARD = Config(**NAMES)
ENVOY = Config(provider="skywalking", **NAMES)
MS = START // 1_000_000


def encoded(spans: Sequence[Span], config: Config = STANDARD) -> list[dict[str, Any]]:
    """The segments of these spans."""
    return read(Encoder(config).encode(spans, RESOURCE))


def header(*fields: str) -> str:
    """An `sw8` of these fields; its sample flag and span id are bare."""
    parts = [b64encode(field.encode()).decode() for field in fields]
    parts[2] = fields[2]
    return "-".join(["1", *parts])


class Call:
    """The inbound call that spans belong to."""

    def __init__(self, **headers: str) -> None:
        self.known = Known(headers)
        self.span: Span | None = None


def test_a_whole_segment() -> None:
    assert encoded([make_span("/checkout", SERVER_TAGS, parent_is_remote=True)], ENVOY) == [
        {
            "traceId": TRACE_ID,
            "traceSegmentId": SPAN_ID,
            "service": "Shop",
            "serviceInstance": "pod-7",
            "spans": [
                {
                    "parentSpanId": -1,
                    "startTime": str(MS),
                    "endTime": str((START + 12_345_678) // 1_000_000),
                    "operationName": "/checkout",
                    "peer": "10.2.3.4",
                    "spanLayer": 3,
                    "componentId": 7000,
                    "tags": {
                        {"http.url": "url", "http.status_code": "status_code"}.get(key, key): value
                        for key, value in SERVER_TAGS
                        if key != "peer.address"
                    },
                }
            ],
        }
    ]


def test_by_skywalkings_own_names_the_status_is_one_it_computes_with() -> None:
    tags = [*SERVER_TAGS, ("grpc.status_code", "5")]
    ((span,),) = (segment["spans"] for segment in encoded([make_span(tags=tags)]))
    assert (span["tags"]["http.status_code"], span["tags"]["rpc.status_code"]) == ("200", "5")


@pytest.mark.parametrize(
    ("kind", "tags", "type_of", "layer"),
    [
        (SERVER, [], None, 3),
        (CLIENT, [], 1, 3),
        (INTERNAL, [], 2, None),
        (PRODUCER, [], 1, 4),
        (CONSUMER, [], None, 4),
        (SERVER, [("grpc.path", "/a.B/C")], None, 2),
        (CLIENT, [("db.system.name", "postgresql")], 1, 1),
    ],
)
def test_the_type_and_the_layer(
    kind: int, tags: list[tuple[str, Any]], type_of: int | None, layer: int | None
) -> None:
    ((span,),) = (segment["spans"] for segment in encoded([make_span("a", tags, kind=kind)]))
    assert (span.get("spanType"), span.get("spanLayer")) == (type_of, layer)


def test_the_caller_is_whom_sw8_names() -> None:
    arrived = header(TRACE_ID, "seg.1", "3", "front", "front-1", "/buy", "shop:80")
    span = make_span(parent_is_remote=True)
    span.call = Call(sw8=arrived)
    (segment,) = encoded([span])
    assert segment["spans"][0]["refs"] == [
        {
            "traceId": TRACE_ID,
            "parentTraceSegmentId": "seg.1",
            "parentSpanId": 3,
            "parentService": "front",
            "parentServiceInstance": "front-1",
            "parentEndpoint": "/buy",
            "networkAddressUsedAtPeer": "shop:80",
        }
    ]


def test_a_trace_keeps_the_id_that_it_had_in_skywalking() -> None:
    """Ours is the hash of one that is no hex; the server joins segments by the text."""
    theirs = "a12ff60b-5807-463b-a1f8-fb1c8608219e"
    arrived = header(theirs, "seg.1", "3", "front", "front-1", "/buy", "shop:80")
    found = sw8.extract(Known({"sw8": arrived}))
    assert found is not None
    call = Call(sw8=arrived)
    server = make_span(trace_id=found.trace_id, parent_id=found.span_id, parent_is_remote=True)
    client = make_span(trace_id=found.trace_id, span_id="1" * 16, parent_id=SPAN_ID, kind=CLIENT)
    server.call = client.call = call
    assert [segment["traceId"] for segment in encoded([client, server])] == [theirs, theirs]


def test_another_traces_sw8_is_not_believed() -> None:
    arrived = header("7" * 32, "seg.1", "3", "front", "front-1", "/buy", "shop:80")
    span = make_span(parent_is_remote=True)
    span.call = Call(sw8=arrived)
    (segment,) = encoded([span])
    assert segment["traceId"] == TRACE_ID
    assert "refs" not in segment["spans"][0]


def test_what_our_own_span_caused_refers_to_its_segment() -> None:
    call = Call()
    call.span = make_span("/checkout")
    client = make_span("/stock", span_id="1" * 16, parent_id=SPAN_ID, kind=CLIENT)
    client.call = call
    client.request = ClientRequest("GET", "http", "stock", 8080, "/stock")
    (segment,) = encoded([client])
    (span,) = segment["spans"]
    assert span["refs"] == [
        {
            "refType": 1,
            "traceId": TRACE_ID,
            "parentTraceSegmentId": SPAN_ID,
            "parentService": "Shop",
            "parentServiceInstance": "pod-7",
            "parentEndpoint": "/checkout",
        }
    ]
    # As the `sw8` says that goes with the call.
    assert span["peer"] == "stock:8080"


def test_an_error_and_its_exception() -> None:
    thrown = Event(
        "exception",
        START,
        {
            "exception.type": "ValueError",
            "exception.message": "no",
            "exception.stacktrace": "Traceback",
        },
    )
    noted = Event("miss", START, {"n": 1})
    (segment,) = encoded([make_span(status=2, events=[thrown, noted])])
    (span,) = segment["spans"]
    assert span["isError"] is True
    data = {"event": "error", "error.kind": "ValueError", "message": "no", "stack": "Traceback"}
    assert span["logs"] == [
        {"time": str(MS), "data": data},
        {"time": str(MS), "data": {"event": "miss", "n": "1"}},
    ]


def test_names_are_cut_at_what_the_server_takes() -> None:
    long = Config(service_name="s" * 80, node_id="i" * 80)
    (segment,) = encoded([make_span("ü" * 200)], long)
    assert (segment["service"], segment["serviceInstance"]) == ("s" * 70, "i" * 70)
    assert segment["spans"][0]["operationName"] == "ü" * 150


def test_segments_arrive_together_and_the_process_says_what_it_is() -> None:
    with collecting_grpc() as collector:
        config = Config(
            exporter=("skywalking",),
            skywalking_endpoint=collector.url,
            skywalking_token="hush",
            **NAMES,
        )
        sending = pipeline.build(config, RESOURCE)
        for _ in range(2):
            for span in numbered(3):
                sending.put(span)
            assert sending.flush(20.0)
        assert sending.counters()["skywalking"]["sent"] == 6
        calls = collector.so_far()
        sending.shutdown()
    assert [call.method for call in calls] == [COLLECT, PROPERTIES, COLLECT]
    assert {call.metadata["authentication"] for call in calls} == {"hush"}
    ids = [segment["traceSegmentId"] for segment in read(calls[0].message)]
    assert ids == [span.span_id for span in numbered(3)]
    told = INSTANCE.FromString(calls[1].message)
    assert (told.service, told.serviceInstance, told.layer) == ("Shop", "pod-7", "GENERAL")
    pairs = {pair.key: pair.value for pair in told.properties}
    assert (pairs["language"], pairs["Process No."]) == ("python", str(os.getpid()))


@pytest.mark.parametrize(
    ("code", "sent", "calls"), [("UNAVAILABLE", 1, 3), ("UNAUTHENTICATED", 0, 1)]
)
def test_who_is_unavailable_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, code: str, sent: int, calls: int
) -> None:
    monkeypatch.setattr(attempts, "pause", lambda *_: 0.0)
    with collecting_grpc() as collector:
        collector.answers.put(Answer(grpc.StatusCode[code], details="why"))
        config = Config(exporter=("skywalking",), skywalking_endpoint=collector.url)
        sending = pipeline.build(config, RESOURCE)
        sending.put(make_span())
        assert sending.flush(20.0)
        counters = sending.counters()["skywalking"]
        assert len(collector.so_far()) == calls
        sending.shutdown()
    assert (counters["sent"], counters["failed"]) == (sent, 1 - sent)


def test_without_sw8_it_would_draw_no_edges_so_it_is_sent() -> None:
    assert load({"AUTOTRACE_EXPORTER": "skywalking"})[0].propagators[-1] == "sw8"
    environ = {"AUTOTRACE_EXPORTER": "skywalking", "AUTOTRACE_PROPAGATORS": "b3"}
    assert load(environ)[0].propagators == ("b3",)
    assert "sw8" not in load({})[0].propagators


def test_the_parent_id_of_a_root_is_no_reference() -> None:
    (segment,) = encoded([make_span(parent_id="")])
    assert "refs" not in segment["spans"][0]
    assert PARENT_ID not in str(segment)
