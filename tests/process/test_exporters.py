"""A Flask program under `autotrace-run`, with each exporter: its spans arrive with their ids."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import msgpack
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.export_grpc_server import Called, collecting_grpc
from tests.export_server import Received, Reply, collecting
from tests.process.flask_hops import (
    CALLER_ID,
    PROGRAM,
    TRACE_ID,
    TRACEPARENT,
    Hop,
    assert_one_story,
)
from tests.process.processes import Run
from tests.xray_validator import listening_for_segments

# From 3.12 on Python warns where a program with a second thread forks.
PYTHON = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM]
KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")


def done(launch: Run, variables: dict[str, str], *words: str) -> None:
    """Runs the program, which must end well and say nothing of its own."""
    ran = launch([*PYTHON, *words], {"ARRIVES": TRACEPARENT, **variables})
    said = [line for line in ran.stderr.splitlines() if '" 200 -' not in line]
    assert (ran.returncode, ran.stdout, said) == (0, "done\n", [])


def otlp_hops(calls: Sequence[Called]) -> list[Hop]:
    """The spans in OTLP's requests."""
    return [
        Hop(
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
            KINDS[span.kind],
        )
        for call in calls
        for group in ExportTraceServiceRequest.FromString(call.message).resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]


@pytest.mark.parametrize("words", [(), ("fork",)])
def test_otlp_over_grpc(launch: Run, words: tuple[str, ...]) -> None:
    with collecting_grpc() as collector:
        variables = {
            "AUTOTRACE_EXPORTER": "otlp",
            "AUTOTRACE_OTLP_PROTOCOL": "grpc",
            "AUTOTRACE_OTLP_ENDPOINT": collector.url,
        }
        done(launch, variables, *words)
        hops = otlp_hops(collector.so_far())
    for part in range(0, len(hops), 3):
        assert_one_story(hops[part : part + 3])
    assert len(hops) == (6 if words else 3)


def datadog_hops(requests: Sequence[Received]) -> list[Hop]:
    """The spans in what the agent was sent; the upper half of the id stands on the first ones."""
    hops = []
    for request in requests:
        for trace in msgpack.unpackb(request.body):
            high = trace[0]["meta"]["_dd.p.tid"]
            hops += [
                Hop(
                    f"{high}{span['trace_id']:016x}",
                    f"{span['span_id']:016x}",
                    f"{span['parent_id']:016x}",
                    span["meta"]["span.kind"],
                )
                for span in trace
            ]
    return hops


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


def xray_hop(document: dict[str, Any]) -> Hop:
    """The span of a document."""
    kind = "client" if document["annotations"]["direction"] == "egress" else "server"
    trace_id = document["trace_id"].removeprefix("1-").replace("-", "")
    return Hop(trace_id, document["id"], document["parent_id"], kind)


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
