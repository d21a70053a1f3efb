"""A Flask program under `autotrace-run`, with each exporter: its spans arrive with their ids."""

from __future__ import annotations

import sys
from base64 import b64encode

import pytest

from tests.export_grpc_server import collecting_grpc
from tests.export_server import Reply, collecting
from tests.google_cloud import METADATA, TOKEN, answering, read_spans
from tests.process.flask_hops import (
    CALLER_ID,
    PROGRAM,
    TRACE_ID,
    TRACEPARENT,
    assert_one_story,
)
from tests.process.hops import datadog_hops, google_hop, otlp_hops, skywalking_hop, xray_hop
from tests.process.processes import Run
from tests.skywalking_messages import COLLECT, PROPERTIES
from tests.skywalking_messages import read as read_segments
from tests.xray_validator import listening_for_segments

# From 3.12 on Python warns where a program with a second thread forks.
PYTHON = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM]
# A busy machine is no reason to lose what the program's end has to send.
PATIENT = {"AUTOTRACE_EXIT_TIMEOUT_MS": "30000"}


def done(launch: Run, variables: dict[str, str], *words: str) -> None:
    """Runs the program, which must end well and say nothing of its own."""
    ran = launch([*PYTHON, *words], {**PATIENT, "ARRIVES": TRACEPARENT, **variables})
    said = [line for line in ran.stderr.splitlines() if '" 200 -' not in line]
    assert (ran.returncode, ran.stdout, said) == (0, "done\n", [])


@pytest.mark.parametrize("words", [(), ("fork",)])
def test_otlp_over_grpc(launch: Run, words: tuple[str, ...]) -> None:
    with collecting_grpc() as collector:
        variables = {
            "AUTOTRACE_EXPORTER": "otlp",
            "AUTOTRACE_OTLP_PROTOCOL": "grpc",
            "AUTOTRACE_OTLP_ENDPOINT": collector.url,
        }
        done(launch, variables, *words)
        hops = otlp_hops([call.message for call in collector.so_far()])
    for part in range(0, len(hops), 3):
        assert_one_story(hops[part : part + 3])
    assert len(hops) == (6 if words else 3)


@pytest.mark.parametrize("provider", ["standard", "datadog"])
def test_datadog(launch: Run, provider: str) -> None:
    with collecting(Reply(body=b'{"rate_by_service": {}}')) as collector:
        variables = {
            "AUTOTRACE_EXPORTER": "datadog",
            "AUTOTRACE_PROVIDER": provider,
            "DD_TRACE_AGENT_URL": collector.url,
        }
        done(launch, variables)
        hops = datadog_hops(collector.so_far())
    assert_one_story(hops)


@pytest.mark.parametrize("provider", ["standard", "xray"])
def test_xray(launch: Run, provider: str) -> None:
    with listening_for_segments() as receiver:
        variables = {
            "AUTOTRACE_EXPORTER": "xray",
            "AUTOTRACE_PROVIDER": provider,
            "AWS_XRAY_DAEMON_ADDRESS": f"tcp:127.0.0.1:1 udp:{receiver.address}",
        }
        if provider == "xray":
            root = f"1-{TRACE_ID[:8]}-{TRACE_ID[8:]}"
            variables["ARRIVES"] = f"x-amzn-trace-id: Root={root};Parent={CALLER_ID};Sampled=1"
        done(launch, variables)
        hops = [xray_hop(document) for document in receiver.so_far()]
    assert_one_story(hops)


@pytest.mark.parametrize("provider", ["standard", "skywalking"])
def test_skywalking(launch: Run, provider: str) -> None:
    fields = [TRACE_ID, CALLER_ID, "front", "front-1", "/buy", "shop:80"]
    encoded = [b64encode(field.encode()).decode() for field in fields]
    with collecting_grpc() as collector:
        variables = {
            "ARRIVES": "sw8: " + "-".join(["1", *encoded[:2], "0", *encoded[2:]]),
            "AUTOTRACE_EXPORTER": "skywalking",
            "AUTOTRACE_PROVIDER": provider,
            "AUTOTRACE_SERVICE_NAME": "shop",
            "SW_AGENT_COLLECTOR_BACKEND_SERVICES": collector.url.partition("://")[2],
        }
        done(launch, variables)
        calls = collector.so_far()
    assert {call.method for call in calls} == {COLLECT, PROPERTIES}
    found = [call.message for call in calls if call.method == COLLECT]
    segments = [segment for message in found for segment in read_segments(message)]
    assert_one_story([skywalking_hop(segment) for segment in segments])
    # What the topology is drawn by: who called over which address.
    spans = [segment["spans"][0] for segment in segments]
    (exit,) = (span for span in spans if span.get("spanType") == 1)
    callers = {ref["parentService"]: ref for span in spans for ref in span["refs"]}
    assert set(callers) == {"front", "shop"}
    inner = [ref for span in spans for ref in span["refs"] if "refType" not in ref]
    assert {ref["networkAddressUsedAtPeer"] for ref in inner} == {"shop:80", exit["peer"]}


@pytest.mark.parametrize("provider", ["standard", "opencensus"])
def test_google_cloud_trace(launch: Run, provider: str) -> None:
    with collecting(judge=answering) as cloud:
        variables = {
            "AUTOTRACE_EXPORTER": "gcp",
            "AUTOTRACE_PROVIDER": provider,
            "AUTOTRACE_OPENCENSUS_INCOMING_TRACE_CONTEXT": "trace_context",
            "AUTOTRACE_OPENCENSUS_OUTGOING_TRACE_CONTEXT": "trace_context",
            "AUTOTRACE_GCP_ENDPOINT": cloud.url,
            METADATA: f"{cloud.host}:{cloud.port}",
        }
        done(launch, variables)
        written = [each for each in cloud.so_far() if each.path.startswith("/v2/")]
    assert {each.headers["authorization"] for each in written} == {f"Bearer {TOKEN}"}
    assert_one_story([google_hop(span) for each in written for span in read_spans(each.body)])


@pytest.mark.parametrize("provider", ["standard", "lightstep"])
def test_lightstep(launch: Run, provider: str) -> None:
    with collecting() as collector:
        variables = {
            "AUTOTRACE_EXPORTER": "lightstep",
            "AUTOTRACE_PROVIDER": provider,
            "AUTOTRACE_LIGHTSTEP_PROPAGATION_MODES": "trace_context",
            "AUTOTRACE_LIGHTSTEP_ENDPOINT": collector.url,
            "AUTOTRACE_LIGHTSTEP_TOKEN": "hush",
        }
        done(launch, variables)
        requests = collector.so_far()
    assert {request.path for request in requests} == {"/v1/traces"}
    assert {request.headers["lightstep-access-token"] for request in requests} == {"hush"}
    assert_one_story(otlp_hops([request.body for request in requests]))
