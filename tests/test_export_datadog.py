"""Datadog's spans, as its agent reads them, and what is made of its answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import msgpack
import pytest

from autotrace import datadog_rates
from autotrace.config import Config
from autotrace.export import pipeline
from autotrace.export.container import container_headers
from autotrace.export.datadog import Encoder
from autotrace.export.datadog_agent import judge
from autotrace.export.local_traces import local_traces
from autotrace.export.receiver import Outcome
from autotrace.span import CLIENT, CONSUMER, INTERNAL, PRODUCER, SERVER, Event, Link, Span
from tests.export_server import Reply, collecting
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

ENVOY = Config(service_name="Shop", provider="datadog", datadog_env="live", datadog_version="7")
STANDARD = Config(service_name="Shop")


@pytest.fixture(autouse=True)
def no_rates() -> Iterator[None]:
    """The agent has said nothing yet."""
    datadog_rates.learn({})
    yield
    datadog_rates.learn({})


def decoded(spans: Sequence[Span], config: Config = ENVOY) -> list[list[dict[str, Any]]]:
    """What is sent, without the id that is new in each process."""
    made: list[list[dict[str, Any]]] = msgpack.unpackb(Encoder(config).encode(spans, RESOURCE))
    for trace in made:
        for span in trace:
            assert len(span["meta"].pop("runtime-id")) == 36
    return made


def test_a_span_as_envoys_tracer_tells_it() -> None:
    tags = [*SERVER_TAGS, ("n", 7), ("resource.name", "checkout")]
    assert decoded([make_span(tags=tags, parent_is_remote=True)]) == [
        [
            {
                "service": "Shop",
                "name": "envoy.proxy",
                "resource": "checkout",
                "type": "web",
                "trace_id": 0xA3CE929D0E0E4736,
                "span_id": int(SPAN_ID, 16),
                "parent_id": int(PARENT_ID, 16),
                "start": START,
                "duration": 12_345_678,
                "error": 0,
                "meta": {
                    **dict(SERVER_TAGS),
                    "n": "7",
                    "span.kind": "server",
                    "language": "python",
                    "env": "live",
                    "version": "7",
                    "_dd.p.dm": "-0",
                    "_dd.p.tid": "4bf92f3577b34da6",
                },
                "metrics": {"_sampling_priority_v1": 1.0, "process_id": 42.0},
            }
        ]
    ]


def test_a_span_by_datadogs_own_names() -> None:
    ((span,),) = decoded([make_span(tags=[*SERVER_TAGS, ("n", 7), ("x.status", 3)])], STANDARD)
    assert (span["name"], span["resource"]) == ("http.server.request", "shop.example.com")
    assert span["meta"]["http.useragent"] == "python-requests/2.34.2"
    assert span["meta"]["http.version"] == "HTTP/1.1"
    # A status in the metrics is removed by the agent.
    assert (span["meta"]["http.status_code"], span["meta"]["x.status"]) == ("200", "3")
    assert {key: span["metrics"][key] for key in ("n", "request_size", "response_size")} == {
        "n": 7.0,
        "request_size": 0.0,
        "response_size": 1532.0,
    }
    assert not {"n", "request_size", "user_agent", "env"} & set(span["meta"])


@pytest.mark.parametrize(
    ("kind", "tags", "name", "type_of"),
    [
        (SERVER, [], "http.server.request", "web"),
        (CLIENT, [], "http.client.request", "http"),
        (SERVER, [("grpc.path", "/a")], "grpc.server.request", "web"),
        (CLIENT, [("grpc.status_code", "0")], "grpc.client.request", "http"),
        (CLIENT, [("db.system.name", "postgresql")], "postgresql.query", "sql"),
        (PRODUCER, [("messaging.system", "celery")], "celery.publish", "custom"),
        (CONSUMER, [("messaging.system", "celery")], "celery.process", "worker"),
        (INTERNAL, [], "by hand", "custom"),
    ],
)
def test_the_name_says_what_kind_of_operation_it_is(
    kind: int, tags: list[tuple[str, Any]], name: str, type_of: str
) -> None:
    ((span,),) = decoded([make_span("by hand", tags, kind=kind)], STANDARD)
    assert (span["name"], span["type"]) == (name, type_of)


def test_an_error_has_its_reason_and_its_exception() -> None:
    thrown = Event(
        "exception",
        START,
        {
            "exception.type": "ValueError",
            "exception.message": "no",
            "exception.stacktrace": "Traceback",
        },
    )
    ((span,),) = decoded([make_span(status=2, reason="gone", events=[thrown])])
    assert span["error"] == 1
    assert [span["meta"][f"error.{name}"] for name in ("message", "type", "stack")] == [
        "no",
        "ValueError",
        "Traceback",
    ]
    ((span,),) = decoded([make_span(status=2, reason="gone")])
    assert (span["error"], span["meta"]["error.message"]) == (1, "gone")


def test_events_are_json_and_links_fields() -> None:
    span = make_span(
        events=[Event("miss", START + 5, {"n": 1})],
        links=[Link(TRACE_ID, PARENT_ID, "b=2", {"why": 1})],
    )
    ((made,),) = decoded([span])
    assert json.loads(made["meta"]["events"]) == [
        {"name": "miss", "time_unix_nano": START + 5, "attributes": {"n": 1}}
    ]
    assert made["span_links"] == [
        {
            "trace_id": 0xA3CE929D0E0E4736,
            "trace_id_high": 0x4BF92F3577B34DA6,
            "span_id": int(PARENT_ID, 16),
            "attributes": {"why": "1"},
            "tracestate": "b=2",
        }
    ]


def test_what_is_too_long_is_cut_between_characters() -> None:
    long = Config(service_name="s" * 101, provider="datadog")
    span = make_span("ü" * 4000, [("k" * 300, "v"), ("a", "ü" * 13_000), ("b", "\udce4")])
    ((made,),) = decoded([span], long)
    assert len(made["service"]) == 100
    assert made["resource"] == "ü" * 2500
    assert made["meta"]["k" * 200] == "v"
    assert made["meta"]["a"] == "ü" * 12_500
    assert made["meta"]["b"] == "?"


def test_a_trace_of_64_bits_has_no_upper_half() -> None:
    ((span,),) = decoded([make_span(trace_id="a3ce929d0e0e4736")])
    assert span["trace_id"] == 0xA3CE929D0E0E4736
    assert "_dd.p.tid" not in span["meta"]


def test_a_trace_says_once_what_came_with_it() -> None:
    state = "dd=s:2;o:rum;t.dm:-4;t.usr.id:7"
    root = make_span(parent_is_remote=True, tracestate=state)
    child = make_span(span_id="1" * 16, parent_id=SPAN_ID, kind=CLIENT, tracestate=state)
    ((first, second),) = decoded([child, root])
    assert first["span_id"] == int(SPAN_ID, 16)
    assert first["metrics"]["_sampling_priority_v1"] == 2.0
    assert {key: value for key, value in first["meta"].items() if key.startswith("_dd")} == {
        "_dd.origin": "rum",
        "_dd.p.dm": "-4",
        "_dd.p.usr.id": "7",
        "_dd.p.tid": "4bf92f3577b34da6",
    }
    assert second["metrics"] == {}
    assert not [key for key in second["meta"] if key.startswith("_dd")]


def test_spans_are_grouped_by_the_call_that_they_belong_to() -> None:
    """A program that calls itself has two local traces with one trace id."""
    one, other = object(), object()
    spans = [make_span(span_id=f"{n:016x}") for n in range(1, 6)]
    for span, call in zip(spans, (one, other, one, other, one), strict=True):
        span.call = call
    spans[4].parent_is_remote = True
    grouped = [[int(span.span_id) for span in trace] for trace in local_traces(spans)]
    assert grouped == [[5, 1, 3], [2, 4]]


def test_a_span_id_stands_once_in_a_trace() -> None:
    """The agent drops a whole trace otherwise."""
    spans = [*numbered(2), *numbered(1)]
    assert [len(trace) for trace in local_traces(spans)] == [2, 1]


def test_a_batch_arrives_with_its_headers() -> None:
    with collecting(Reply(body=b'{"rate_by_service": {"service:,env:": 0.25}}')) as collector:
        config = Config(
            exporter=("datadog",),
            datadog_endpoint=f"{collector.url}/",
            datadog_headers={"x-token": "abc"},
        )
        sending = pipeline.build(config, RESOURCE)
        sending.put(make_span())
        sending.put(make_span(trace_id="7" * 32))
        assert sending.flush(20.0)
        sent = collector.received()
        counters = sending.counters()["datadog"]
        sending.shutdown()
    assert counters["sent"] == 2
    assert sent.path == "/v0.4/traces"
    assert [len(trace) for trace in msgpack.unpackb(sent.body)] == [1, 1]
    wanted = {
        "content-type": "application/msgpack",
        "x-datadog-trace-count": "2",
        "datadog-meta-lang": "python",
        "datadog-send-real-http-status": "true",
        "x-token": "abc",
    }
    assert wanted.items() <= sent.headers.items()
    assert "content-encoding" not in sent.headers
    assert datadog_rates.rate("any", "") == 0.25


def test_a_full_agent_is_asked_again_and_one_that_refuses_is_not() -> None:
    with collecting() as collector:
        collector.replies.put(Reply(429, headers=(("Retry-After", "0"),)))
        collector.replies.put(Reply(200))
        collector.replies.put(Reply(400, b"bad"))
        config = Config(exporter=("datadog",), datadog_endpoint=collector.url)
        sending = pipeline.build(config, RESOURCE)
        for _ in range(2):
            sending.put(make_span())
            assert sending.flush(20.0)
        counters = sending.counters()["datadog"]
        assert len(collector.so_far()) == 3
        sending.shutdown()
    assert (counters["sent"], counters["failed"]) == (1, 1)


@pytest.mark.parametrize("answer", [b"", b"OK", b"{}", b"[]", b'{"rate_by_service": 1}', b"\xff"])
def test_an_answer_without_rates_changes_none(answer: bytes) -> None:
    datadog_rates.learn({"service:a,env:": 0.5})
    assert judge(answer, 3, "x") == Outcome(sent=3)
    assert datadog_rates.rate("a", "") == 0.5


def test_rates_are_replaced_as_a_whole() -> None:
    judge(b'{"rate_by_service": {"service:a,env:e": 0.5, "service:,env:": 0.1}}', 1, "x")
    assert (datadog_rates.rate("a", "e"), datadog_rates.rate("a", "")) == (0.5, 0.1)
    judge(b'{"rate_by_service": {"service:,env:": 1}}', 1, "x")
    assert datadog_rates.rate("a", "e") == 1.0
    # Unchanged ones come as nothing.
    judge(b'{"rate_by_service": {}}', 1, "x")
    assert datadog_rates.rate("a", "e") == 1.0


def test_a_trace_that_the_agents_rate_kept_says_so() -> None:
    datadog_rates.learn({"service:,env:": 0.5})
    ((span,),) = decoded([make_span(tracestate="dd=s:1;t.dm:-1")])
    assert span["metrics"]["_dd.agent_psr"] == 0.5
    ((span,),) = decoded([make_span()])
    assert "_dd.agent_psr" not in span["metrics"]


ID = "3726184226f5d3147c25fdeab5b60097e378e8a720503a5e19ecfdf29f869860"


@pytest.mark.parametrize(
    "line",
    [
        f"13:name=systemd:/docker/{ID}",
        f"0::/system.slice/docker-{ID}.scope",
        f"1:memory:/kubepods/besteffort/pod3d274242-8ee0-11e9-a8a6-1e68d864ef1a/{ID}",
    ],
)
def test_a_container_is_known_by_its_control_group(tmp_path: Any, line: str) -> None:
    file = tmp_path / "cgroup"
    file.write_text(f"12:pids:/\n{line}\n")
    found = container_headers(str(file), str(tmp_path))
    assert found == {"Datadog-Container-ID": ID, "Datadog-Entity-ID": f"ci-{ID}"}


def test_without_control_groups_nothing_is_said(tmp_path: Any) -> None:
    assert container_headers(str(tmp_path / "none"), str(tmp_path)) == {}
