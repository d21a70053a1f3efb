"""Zipkin: a strict judge behind a loopback server, and the real server where ZIPKIN_JAR is set."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotrace.config import Config
from autotrace.export import pipeline
from autotrace.export.zipkin import encode
from autotrace.span import CLIENT, INTERNAL, Event, Link, Span
from tests.export_server import collecting
from tests.export_spans import PARENT_ID, RESOURCE, SERVER_TAGS, START, TRACE_ID, make_span
from tests.listening import free_port, wait_until_listening
from tests.zipkin_validator import Refused, answer, spans

SPAN = {"traceId": "0000000000000001", "id": "0000000000000001"}


def with_key(key: str, value: object) -> Any:
    """A good span with one key more."""
    return pytest.param([{**SPAN, key: value}], id=f"{key}={value}")


@pytest.mark.parametrize(
    "bad",
    [
        {},
        [1],
        [{"id": "0000000000000001"}],
        [{"traceId": "0000000000000001"}],
        with_key("traceId", "000000000000000A"),
        with_key("traceId", "0" * 32),
        with_key("traceId", "1"),
        with_key("id", "0" * 16),
        with_key("id", None),
        with_key("parentId", "0000000000000001"),
        with_key("kind", "INTERNAL"),
        with_key("kind", None),
        with_key("name", ""),
        with_key("name", "Upper"),
        with_key("timestamp", -1),
        with_key("timestamp", 1.5),
        with_key("duration", 0),
        with_key("duration", True),
        with_key("localEndpoint", {}),
        with_key("localEndpoint", {"serviceName": "Upper"}),
        with_key("remoteEndpoint", {"ipv4": "::1"}),
        with_key("remoteEndpoint", {"ipv6": "10.0.0.1"}),
        with_key("remoteEndpoint", {"port": 0}),
        with_key("remoteEndpoint", {"port": "80"}),
        with_key("tags", {"a": None}),
        with_key("tags", {"a": 1}),
        with_key("tags", {"": "a"}),
        with_key("annotations", [{"timestamp": 1}]),
        with_key("annotations", [{"value": "a"}]),
        with_key("debug", False),
        with_key("shared", True),
        with_key("traceID", "1"),
        with_key("tags", {"binaryAnnotations": "x"}),
        with_key("tags", {"long": "x" * 500_000}),
    ],
)
def test_the_judge_refuses_what_the_server_would_not_read_as_meant(bad: object) -> None:
    with pytest.raises(Refused):
        spans(json.dumps(bad).encode())


@pytest.mark.parametrize("bad", [b"", b"[", b"[NaN]", b'[{"id":"1","id":"2"}]', b'["\xff"]'])
def test_the_judge_refuses_what_is_no_json(bad: bytes) -> None:
    with pytest.raises(Refused):
        spans(bad)


def test_the_judge_takes_what_is_good() -> None:
    assert spans(b"[]") == []
    assert spans(json.dumps([SPAN]).encode()) == [SPAN]


def odd_spans(start: int = START) -> list[Span]:
    """A trace with all that is special in the format."""
    upstream = [
        ("upstream_cluster.name", "Prices"),
        ("upstream_address", "[2001:db8::1]:8080"),
        ("error", "true"),
    ]
    odd = [
        ("binaryAnnotations", "x"),
        ("value", "yAnnotations"),
        ("empty", ""),
        ("list", ["a", 1]),
        ("stray", "caf\udce9"),
        ("control", 'a\x00\n"\\'),
    ]
    events = [Event("miss", start + 5000, {"n": 1}), Event("bare", start + 6000, {})]
    links = [Link(TRACE_ID, PARENT_ID)]
    return [
        make_span("Shop", SERVER_TAGS, span_id="a" * 16, parent_id="", events=events),
        make_span("Prices", upstream, kind=CLIENT, span_id="b" * 16, parent_id="a" * 16, status=2),
        make_span("", SERVER_TAGS, span_id="b" * 16, parent_id="a" * 16, shared=True, sampled=2),
        make_span(
            "work",
            odd,
            kind=INTERNAL,
            span_id="c" * 16,
            parent_id="b" * 16,
            duration_ns=3,
            scope="shop",
            user_status=2,
            links=links,
        ),
    ]


def test_what_we_send_is_accepted() -> None:
    with collecting(judge=answer) as collector:
        config = Config(exporter=("zipkin",), zipkin_endpoint=f"{collector.url}/api/v2/spans")
        sending = pipeline.build(config, RESOURCE)
        for span in odd_spans():
            sending.put(span)
        assert sending.flush(20.0)
        assert sending.counters()["zipkin"] == {"sent": 4, "dropped": 0, "failed": 0, "queued": 0}
        sending.shutdown()
        assert len(spans(collector.received().body)) == 4


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(max_size=20)
)
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=3), st.dictionaries(st.text(), SCALARS))


@settings(max_examples=200, deadline=None)
@given(
    name=st.text(st.characters()),
    tags=st.dictionaries(st.text(), VALUES, max_size=5),
    kind=st.integers(0, 4),
    duration=st.integers(-1000, 10**12),
    event=st.text(min_size=1),
)
def test_whatever_a_program_sets_is_accepted(
    name: str, tags: dict[str, object], kind: int, duration: int, event: str
) -> None:
    span = make_span(
        name,
        list(tags.items()),
        kind=kind,
        duration_ns=duration,
        events=[Event(event, START, tags)],
    )
    spans(encode([span], RESOURCE))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real server with its memory storage."""
    jar = os.environ.get("ZIPKIN_JAR")
    if not jar:
        pytest.skip("ZIPKIN_JAR is not set: no real Zipkin server was asked (needs Java 17)")
    port = free_port()
    log = tmp_path_factory.mktemp("zipkin") / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["java", "-Xmx256m", "-jar", jar, f"--server.port={port}"],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until_listening("Zipkin", process, port, log, 60)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def test_the_real_server_reads_what_we_sent(server: str) -> None:
    config = Config(exporter=("zipkin",), zipkin_endpoint=f"{server}/api/v2/spans")
    sending = pipeline.build(config, RESOURCE)
    sent = odd_spans()
    for span in sent:
        sending.put(span)
    assert sending.flush(30.0)
    assert sending.counters()["zipkin"]["sent"] == len(sent)
    sending.shutdown()
    # It answers before it stores.
    never = threading.Event()
    read: list[dict[str, Any]] = []
    for _ in range(200):
        read = _trace(server)
        if len(read) == len(sent):
            break
        never.wait(0.05)
    wrote = spans(encode(sent, RESOURCE))
    assert sorted(read, key=_order) == sorted(wrote, key=_order)


def _trace(server: str) -> list[dict[str, Any]]:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{server}/api/v2/trace/{TRACE_ID}") as found:
            trace: list[dict[str, Any]] = json.loads(found.read())
            return trace
    except urllib.error.HTTPError:
        return []


def _order(span: dict[str, Any]) -> tuple[str, bool]:
    return span["id"], span.get("shared", False)
