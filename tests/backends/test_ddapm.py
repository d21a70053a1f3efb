"""What Datadog's own test agent reads in our bytes.

It pins other versions than ours, so it is a program on the path: in an environment of its own,
`pip install ddapm-test-agent`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from time import monotonic, sleep
from typing import Any
from urllib.request import Request, urlopen

import pytest

from autotrace import datadog_rates, datadog_remote
from autotrace.config import Config
from autotrace.datadog_remote import NOTHING
from autotrace.datadog_remote_config import RemoteConfig
from autotrace.export import pipeline
from autotrace.export.polling import Poll
from autotrace.span import CLIENT, Event, Link
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
from tests.listening import free_port, wait_until_listening

PROGRAM = "ddapm-test-agent"
PATIENCE = 20  # seconds


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of one agent for all tests here."""
    found = shutil.which(PROGRAM)
    if found is None:
        pytest.skip(f"{PROGRAM} is not on the path: no agent of Datadog's was asked")
    ports = {name: free_port() for name in ("port", "otlp-http-port", "otlp-grpc-port")}
    words = [word for name, port in ports.items() for word in (f"--{name}", str(port))]
    folder = tmp_path_factory.mktemp("ddapm")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [found, "--host", "127.0.0.1", *words],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": ""},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until_listening(PROGRAM, process, ports["port"], folder / "log", PATIENCE)
        yield f"http://127.0.0.1:{ports['port']}"
    finally:
        process.terminate()
        process.wait(20)


def read(agent: str, path: str) -> Any:
    """What the agent tells of itself."""
    with urlopen(f"{agent}/test/{path}") as answer:
        body = answer.read()
    return json.loads(body) if body.startswith((b"[", b"{")) else body


def test_everything_a_span_has_arrives(agent: str) -> None:
    root = make_span(
        tags=[*SERVER_TAGS, ("number", 7)],
        status=2,
        reason="connection termination",
        parent_is_remote=True,
        events=[Event("miss", START + 5, {"n": 1})],
        links=[Link(TRACE_ID, PARENT_ID, "b=2", {"why": "batch"})],
    )
    child = make_span("other", kind=CLIENT, span_id="1" * 16, parent_id=SPAN_ID)
    read(agent, "session/start?test_session_token=one")
    config = Config(
        exporter=("datadog",),
        service_name="Shop",
        datadog_endpoint=agent,
        datadog_headers={"X-Datadog-Test-Session-Token": "one"},
    )
    sending = pipeline.build(config, RESOURCE)
    sending.put(child)
    sending.put(root)
    assert sending.flush(20.0)
    assert sending.counters()["datadog"]["sent"] == 2
    sending.shutdown()

    (trace,) = read(agent, "session/traces?test_session_token=one")
    spans = {span["span_id"]: span for span in trace}
    first, second = spans[int(SPAN_ID, 16)], spans[int("1" * 16, 16)]
    assert (first["parent_id"], second["parent_id"]) == (int(PARENT_ID, 16), int(SPAN_ID, 16))
    assert first["trace_id"] == second["trace_id"] == int(TRACE_ID[16:], 16)
    assert (first["name"], first["type"], first["error"]) == ("http.server.request", "web", 1)
    assert first["metrics"]["_sampling_priority_v1"] == 1
    assert first["meta"]["http.status_code"] == "200"
    assert first["span_links"][0]["attributes"] == {"why": "batch"}


def test_thousands_pass_all_its_checks_once_each(agent: str) -> None:
    spans = [make_span(span_id=span.span_id, parent_id="") for span in numbered(3000)]
    read(agent, "session/start?test_session_token=many")
    config = Config(
        exporter=("datadog",),
        datadog_endpoint=agent,
        datadog_headers={"X-Datadog-Test-Session-Token": "many"},
    )
    sending = pipeline.build(config, RESOURCE)
    for span in spans:
        sending.put(span)
    assert sending.flush(20.0)
    assert sending.counters()["datadog"]["sent"] == 3000
    sending.shutdown()
    traces = read(agent, "session/traces?test_session_token=many")
    assert sorted(span["span_id"] for trace in traces for span in trace) == list(range(1, 3001))
    assert read(agent, "trace_check/failures?test_session_token=many") == b"200: OK"


def test_the_rates_that_it_asks_for_are_learnt(agent: str) -> None:
    rates = "%7B%22service:web,env:t%22:0.25%7D"
    read(agent, f"session/start?test_session_token=rates&agent_sample_rate_by_service={rates}")
    config = Config(
        exporter=("datadog",),
        datadog_endpoint=agent,
        datadog_headers={"X-Datadog-Test-Session-Token": "rates"},
    )
    sending = pipeline.build(config, RESOURCE)
    sending.put(make_span())
    assert sending.flush(20.0)
    sending.shutdown()
    assert datadog_rates.rate("web", "t") == 0.25
    datadog_rates.learn({})


def test_rules_that_are_configured_afar_are_fetched(agent: str) -> None:
    told = {
        "path": "datadog/2/APM_TRACING/id-1/config",
        "msg": {"lib_config": {"tracing_sampling_rate": 0.25, "tracing_tags": ["team:red"]}},
    }
    post(f"{agent}/test/session/responses/config/path", told)
    subscription = RemoteConfig(agent, {}, 5.0, 0.05, ("shop", "live"))
    poll = Poll("datadog", lambda: subscription)
    try:
        poll.begin()
        deadline = monotonic() + PATIENCE
        while datadog_remote.rule("shop") is None and monotonic() < deadline:
            sleep(0.02)
        rule = datadog_remote.rule("shop")
        assert rule is not None
        assert rule.rate == 0.25
        assert datadog_remote.tags() == {"team": "red"}
        # It says what it has, and the agent knows it for a tracer of ours.
        state = json.loads(subscription.question())["client"]["state"]
        assert state["config_states"][0]["apply_state"] == 2
        assert not state.get("has_error")
    finally:
        poll.end()
        datadog_remote.learn(NOTHING)


def post(url: str, told: Any) -> None:
    """Has the agent hand something out."""
    request = Request(url, json.dumps(told).encode(), {"Content-Type": "application/json"})
    with urlopen(request) as answer:
        assert answer.status < 300
