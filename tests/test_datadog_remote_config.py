"""Settings that are configured in Datadog, as its agent hands them out."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from autotrace import datadog_remote
from autotrace.config import Config
from autotrace.datadog_remote import NOTHING, Limit, Rule
from autotrace.datadog_remote_config import RemoteConfig
from autotrace.export import datadog_agent
from autotrace.export.datadog import Encoder
from autotrace.export.polling import Poll
from autotrace.export.receiver import Outcome, Patience
from autotrace.headers import NO_HEADERS, Known
from autotrace.provider import datadog
from autotrace.provider.datadog import Options
from tests.export_server import Collector, Received, Reply, collecting
from tests.export_spans import RESOURCE, make_span

# A trace id whose lower half is small is kept by nearly every share.
LOW = 1
HEADERS = {"x-datadog-trace-id": "1234", "x-datadog-parent-id": "5678"}


@pytest.fixture(autouse=True)
def nothing_configured() -> Iterator[None]:
    """What is configured afar counts for one test."""
    yield
    datadog_remote.learn(NOTHING)


def client(env: str = "live") -> RemoteConfig:
    """Who asks."""
    return RemoteConfig("http://localhost:8126/", {}, 2.0, 5.0, ("shop", env))


def config(
    library: dict[str, Any], path: str = "datadog/2/APM_TRACING/id-1/config", **aim: str
) -> tuple[str, bytes]:
    """A configuration as a file."""
    told = {"id": "1", "service_target": aim, "lib_config": library}
    return path, json.dumps(told).encode()


def answer(*files: tuple[str, bytes], version: int = 1, left_out: str = "") -> bytes:
    """The answer of an agent that hands out these files."""
    targets = {
        path: {
            "custom": {"v": version},
            "hashes": {"sha256": hashlib.sha256(raw).hexdigest()},
            "length": len(raw),
        }
        for path, raw in files
    }
    signed = {
        "version": version,
        "targets": targets,
        "custom": {"opaque_backend_state": f"state-{version}"},
    }
    told = {
        "targets": base64.b64encode(json.dumps({"signed": signed}).encode()).decode(),
        "target_files": [
            {"path": path, "raw": base64.b64encode(raw).decode()}
            for path, raw in files
            if path != left_out
        ],
        "client_configs": [path for path, _ in files],
    }
    return json.dumps(told).encode()


def asked(who: RemoteConfig) -> Any:
    """What the next question says."""
    return json.loads(who.question())["client"]


def words(*numbers: int) -> Any:
    """A source of these numbers."""
    return iter(numbers).__next__


def decided(word: int = LOW) -> tuple[int, str]:
    """Whether a trace that begins now is kept, and what is said of it."""
    verdict = datadog.start(NO_HEADERS, True, Options(service="shop"), words(word, 0))
    return verdict.sampled, verdict.tracestate


def test_who_asks_says_what_it_is_and_what_it_can_take() -> None:
    who = asked(client())
    assert who["products"] == ["APM_TRACING"]
    assert who["is_tracer"] is True
    # Bits 12, 15, 19 and 29, in eight bytes.
    assert who["capabilities"] == [0, 0, 0, 0, 0x20, 0x08, 0x90, 0x00]
    assert who["client_tracer"]["service"] == "shop"
    assert who["client_tracer"]["env"] == "live"
    # The same id is in the spans, so that Datadog knows whose they are.
    encoder = Encoder(Config(service_name="shop"))
    assert who["client_tracer"]["runtime_id"].encode() in encoder.encode([make_span()], RESOURCE)


def test_a_share_of_all_traces_decides_in_place_of_the_agent() -> None:
    who = client()
    assert who.answered(200, answer(config({"tracing_sampling_rate": 0.0}))) == (5.0, "")
    assert decided() == (0, "dd=s:-1")
    who.answered(200, answer(config({"tracing_sampling_rate": 1}), version=2))
    assert decided() == (1, "dd=s:2;t.dm:-3")
    # A priority that arrived is the last word.
    arrived = Known(HEADERS | {"x-datadog-sampling-priority": "0"})
    assert datadog.start(arrived, True, Options(service="shop"), words(1, 2)).sampled == 0


def test_the_first_rule_that_matches_decides() -> None:
    rules = [
        {"service": "other", "sample_rate": 0.0, "provenance": "customer"},
        {"service": "s?op", "name": "x", "sample_rate": 0.0, "provenance": "customer"},
        {"resource": "GET /", "sample_rate": 0.0, "provenance": "customer"},
        {
            "tags": [{"key": "a", "value_glob": "*"}],
            "sample_rate": 0.0,
            "provenance": "dynamic",
        },
        {"service": "SH*", "sample_rate": 1.0, "provenance": "dynamic"},
    ]
    told = {"tracing_sampling_rules": rules, "tracing_sampling_rate": 0.0}
    client().answered(200, answer(config(told)))
    assert decided() == (1, "dd=s:2;t.dm:-12")


def test_rules_keep_so_many_traces_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = Limit(2)
    allowed = [limit.allows() for _ in range(1000)]
    # Where a second ends in between, the next one has its own two.
    assert 2 <= allowed.count(True) <= 4
    client().answered(200, answer(config({"tracing_sampling_rate": 1.0})))
    monkeypatch.setattr(datadog_remote, "LIMIT", Limit(0))
    assert decided() == (0, "dd=s:-1")


def test_the_span_says_which_share_kept_it() -> None:
    client().answered(200, answer(config({"tracing_sampling_rate": 0.5, "tracing_tags": ["a:b"]})))
    import msgpack

    span = make_span(tracestate="dd=s:2;t.dm:-3")
    body = Encoder(Config(service_name="shop", provider="datadog")).encode([span], RESOURCE)
    ((made,),) = msgpack.unpackb(body)
    assert made["metrics"]["_dd.rule_psr"] == 0.5
    assert made["meta"]["_dd.p.dm"] == "-3"
    assert made["meta"]["a"] == "b"


def test_what_was_applied_is_told_and_not_fetched_again() -> None:
    who = client()
    first = config({"tracing_enabled": False})
    wrong = config({"tracing_enabled": True}, "datadog/2/APM_TRACING/id-2/x", service="other")
    who.answered(200, answer(first, wrong, version=7))
    assert not datadog_remote.enabled()
    state = asked(who)["state"]
    assert state["targets_version"] == 7
    assert state["backend_client_state"] == "state-7"
    assert state["config_states"] == [
        {"id": "id-1", "version": 7, "product": "APM_TRACING", "apply_state": 2},
        {
            "id": "id-2",
            "version": 7,
            "product": "APM_TRACING",
            "apply_state": 3,
            "apply_error": "it is for the service other",
        },
    ]
    digest = hashlib.sha256(first[1]).hexdigest()
    assert json.loads(who.question())["cached_target_files"][0] == {
        "path": first[0],
        "length": len(first[1]),
        "hashes": [{"algorithm": "sha256", "hash": digest}],
    }
    # The agent does not send again what is there.
    assert who.answered(200, answer(first, version=8, left_out=first[0])).problem == ""
    assert not datadog_remote.enabled()
    assert asked(who)["state"]["targets_version"] == 8


def test_what_is_not_handed_out_any_more_does_not_count_any_more() -> None:
    who = client()
    who.answered(200, answer(config({"tracing_sampling_rate": 0.0})))
    assert decided()[0] == 0
    # Nothing is new.
    who.answered(200, b"{}")
    assert decided()[0] == 0
    who.answered(200, answer(version=2))
    assert decided() == (1, "")


def test_a_later_configuration_counts_before_an_earlier_one() -> None:
    every = config({"tracing_sampling_rate": 0.0, "tracing_tags": ["a:1"]}, service="*", env="*")
    ours = config(
        {"tracing_sampling_rate": 1.0}, "employee/APM_TRACING/id-2/x", service="Shop", env="live"
    )
    client().answered(200, answer(every, ours))
    assert decided()[0] == 1
    assert datadog_remote.tags() == {"a": "1"}


GOOD = answer(config({"tracing_sampling_rate": 0.0}))


def changed(**fields: Any) -> bytes:
    """A good answer with other fields."""
    return json.dumps({**json.loads(GOOD), **fields}).encode()


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"\xff", "no JSON"),
        (b"[]", "no JSON object"),
        (changed(targets="e"), "no base64"),
        (changed(targets=None), "cannot be read"),
        (changed(target_files=[]), "is missing from the files"),
        (changed(target_files=[{"path": "datadog/2/APM_TRACING/id-1/config"}]), "'raw'"),
        (
            changed(target_files=[{"path": "datadog/2/APM_TRACING/id-1/config", "raw": "e30="}]),
            "is not what its checksum says",
        ),
        (changed(client_configs=["x/y"]), "'x/y'"),
        (answer(config({}, "datadog/2/ASM/id-1/config")), "is no path"),
    ],
)
def test_an_answer_that_cannot_be_used_changes_nothing(body: bytes, problem: str) -> None:
    who = client()
    who.answered(200, answer(config({"tracing_sampling_rate": 1.0})))
    seconds, told = who.answered(200, body)
    assert seconds == 5.0
    assert problem in told
    state = asked(who)["state"]
    assert (state["has_error"], state["error"]) == (True, told)
    assert decided() == (1, "dd=s:2;t.dm:-3")


@pytest.mark.parametrize(
    ("library", "problem"),
    [
        ({"tracing_sampling_rate": 2}, "2 is no share from 0 to 1"),
        ({"tracing_sampling_rules": [1]}, "a sampling rule is no object"),
        ({"tracing_sampling_rules": [{"provenance": "customer"}]}, "has no sample_rate"),
        ({"tracing_sampling_rules": [{"sample_rate": 1}]}, "provenance"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_reported(
    library: dict[str, Any], problem: str
) -> None:
    who = client()
    who.answered(200, answer(config(library)))
    (state,) = asked(who)["state"]["config_states"]
    assert problem in state["apply_error"]
    assert decided() == (1, "")


def test_values_of_another_type_are_left_out() -> None:
    library = {
        "tracing_sampling_rate": True,
        "tracing_tags": "a:b",
        "tracing_enabled": "no",
        "tracing_sampling_rules": None,
    }
    client().answered(200, answer(config(library)))
    assert datadog_remote.rule("shop") is None
    assert datadog_remote.tags() == {}
    assert datadog_remote.enabled()


@pytest.mark.parametrize(
    ("status", "problem"), [(0, ""), (404, ""), (500, "answered 500"), (302, "answered 302")]
)
def test_without_an_answer_it_is_asked_again(status: int, problem: str) -> None:
    assert client().answered(status, b"") == (5.0, problem)


def test_a_bracket_in_a_pattern_is_itself() -> None:
    assert Rule(1.0, service="sh[o]p").matches("sh[o]p")
    assert not Rule(1.0, service="sh[o]p").matches("shop")


def test_spans_that_nobody_wants_are_not_sent() -> None:
    with collecting(Reply(body=b"OK")) as agent:
        receiver = datadog_agent.open_receiver(Config(datadog_endpoint=agent.url), RESOURCE)
        client().answered(200, answer(config({"tracing_enabled": False})))
        assert receiver.deliver([make_span()], Patience()) == Outcome()
        assert agent.so_far() == []
        datadog_remote.learn(NOTHING)
        assert receiver.deliver([make_span()], Patience()).sent == 1
        receiver.close()


def wait_for(agent: Collector, path: str) -> Received:
    """The next request to a path."""
    while True:
        found = agent.received()
        if found.path == path:
            return found


def test_the_agent_is_asked_from_the_first_request_on() -> None:
    told = answer(config({"tracing_sampling_rate": 0.0}))
    with collecting(Reply(body=told)) as agent:
        settings = Config(
            provider="datadog",
            datadog_remote_config_interval=0.05,
            datadog_endpoint=agent.url,
            service_name="shop",
        )
        ((name, subscribe),) = Options.from_config(settings).subscriptions.items()
        poll = Poll(name, subscribe)
        assert agent.so_far() == []
        # However often it is begun, one thread asks.
        poll.begin()
        poll.begin()
        first = wait_for(agent, "/v0.7/config")
        assert json.loads(first.body)["client"]["state"]["targets_version"] == 0
        # Sent as what it is, and as nothing that anybody should trace.
        assert first.headers["content-type"] == "application/json"
        assert first.headers["traceparent"].endswith("-00")
        second = wait_for(agent, "/v0.7/config")
        assert json.loads(second.body)["client"]["state"]["targets_version"] == 1
        assert decided()[0] == 0
        poll.end()
    assert len({each.client for each in (first, second, *agent.so_far())}) == 1
