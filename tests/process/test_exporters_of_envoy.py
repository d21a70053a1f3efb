"""Envoy's own configuration of a tracer: the program's spans go where Envoy's would."""

from __future__ import annotations

import sys
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.export_grpc_server import collecting_grpc
from tests.export_server import collecting
from tests.process.flask_hops import CALLER_ID, PROGRAM, TRACE_ID, TRACEPARENT, assert_one_story
from tests.process.hops import datadog_hops, otlp_hops, skywalking_hop, xray_hop
from tests.process.processes import Run
from tests.skywalking_messages import COLLECT
from tests.skywalking_messages import read as read_segments
from tests.xray_validator import listening_for_segments

TYPE = "type.googleapis.com/envoy.config.trace.v3"
FILE = """
tracing:
  spawn_upstream_span: true
  provider:
    name: tracer
    typed_config: {{"@type": {type}.{message}, {config}}}
---
static_resources:
  clusters:
  - name: receiver
    type: STATIC
    load_assignment:
      cluster_name: receiver
      endpoints:
      - lb_endpoints:
        - endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}}}
"""
BY_GRPC = "grpc_service: {envoy_grpc: {cluster_name: receiver}}"

Traced = Callable[..., None]


@pytest.fixture
def traced(launch: Run, tmp_path: Path) -> Traced:
    """Runs the program with a tracer's configuration and a cluster at a port."""

    def run(message: str, config: str, port: int, arrives: str = TRACEPARENT) -> None:
        file = tmp_path / "envoy.yaml"
        file.write_text(FILE.format(type=TYPE, message=message, config=config, port=port))
        variables = {
            "ARRIVES": arrives,
            "AUTOTRACE_CONFIG": str(file),
            "AUTOTRACE_EXIT_TIMEOUT_MS": "30000",
        }
        ran = launch([sys.executable, "-c", PROGRAM], variables)
        said = [line for line in ran.stderr.splitlines() if '" 200 -' not in line]
        assert (ran.returncode, ran.stdout, said) == (0, "done\n", [])

    return run


def test_datadogs_tracer(traced: Traced) -> None:
    with collecting() as agent:
        traced("DatadogConfig", "collector_cluster: receiver, service_name: shop", agent.port)
        requests = agent.so_far()
    assert {request.path for request in requests} == {"/v0.4/traces"}
    assert_one_story(datadog_hops(requests))


def test_lightsteps_tracer(traced: Traced) -> None:
    token = "access_token: {inline_string: hush}, propagation_modes: [TRACE_CONTEXT]"
    with collecting() as satellite:
        traced("LightstepConfig", f"collector_cluster: receiver, {token}", satellite.port)
        requests = satellite.so_far()
    assert {request.headers["lightstep-access-token"] for request in requests} == {"hush"}
    assert_one_story(otlp_hops([request.body for request in requests]))


def test_opentelemetrys_tracer(traced: Traced) -> None:
    with collecting_grpc() as collector:
        traced("OpenTelemetryConfig", BY_GRPC, collector.port)
        calls = collector.so_far()
    assert_one_story(otlp_hops([call.message for call in calls]))


def test_skywalkings_tracer(traced: Traced) -> None:
    fields = [TRACE_ID, CALLER_ID, "front", "front-1", "/buy", "shop:80"]
    encoded = [b64encode(field.encode()).decode() for field in fields]
    arrives = "sw8: " + "-".join(["1", *encoded[:2], "0", *encoded[2:]])
    token = "client_config: {service_name: shop, backend_token: hush}"
    with collecting_grpc() as oap:
        traced("SkyWalkingConfig", f"{BY_GRPC}, {token}", oap.port, arrives)
        calls = oap.so_far()
    assert {call.metadata["authentication"] for call in calls} == {"hush"}
    messages = [call.message for call in calls if call.method == COLLECT]
    segments = [segment for message in messages for segment in read_segments(message)]
    assert {segment["service"] for segment in segments} == {"shop"}
    # Envoy's names for the operations are the paths.
    names = {segment["spans"][0]["operationName"] for segment in segments}
    assert names == {"/outer", "/inner"}
    assert_one_story([skywalking_hop(segment) for segment in segments])


def test_xrays_tracer(traced: Traced) -> None:
    root = f"1-{TRACE_ID[:8]}-{TRACE_ID[8:]}"
    arrives = f"x-amzn-trace-id: Root={root};Parent={CALLER_ID};Sampled=1"
    with listening_for_segments() as daemon:
        host, _, port = daemon.address.rpartition(":")
        endpoint = f"daemon_endpoint: {{protocol: UDP, address: {host}, port_value: {port}}}"
        fields = "segment_fields: {origin: 'AWS::AppMesh::Proxy'}"
        traced("XRayConfig", f"{endpoint}, segment_name: shop, {fields}", 9, arrives)
        documents = daemon.so_far()
    assert {document["name"] for document in documents} == {"shop"}
    assert {document["origin"] for document in documents} == {"AWS::AppMesh::Proxy"}
    assert_one_story([xray_hop(document) for document in documents])
