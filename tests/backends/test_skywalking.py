"""What SkyWalking's published messages and services read in our bytes.

They come with its own agent, which has requirements of its own:
`pip install --no-deps "apache-skywalking>=1.2,<1.3"`.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from autotrace.config import Config
from autotrace.export import pipeline
from autotrace.span import Event
from tests.export_spans import RESOURCE, SERVER_TAGS, SPAN_ID, START, TRACE_ID, make_span, numbered

REASON = "SkyWalking's messages are not installed: none of its servicers was asked"
tracing = pytest.importorskip("skywalking.protocol.language_agent.Tracing_pb2", reason=REASON)
tracing_grpc = pytest.importorskip(
    "skywalking.protocol.language_agent.Tracing_pb2_grpc", reason=REASON
)
common = pytest.importorskip("skywalking.protocol.common.Command_pb2", reason=REASON)


@pytest.fixture
def served() -> Iterator[tuple[str, list[Any]]]:
    """The address of a server with the published servicer, and the segments that it has read."""
    found: list[Any] = []

    class Servicer(tracing_grpc.TraceSegmentReportServiceServicer):  # type: ignore[misc,name-defined]
        def collectInSync(self, request: Any, context: Any) -> Any:
            found.extend(request.segments)
            return common.Commands()

    server = grpc.server(ThreadPoolExecutor(2))
    tracing_grpc.add_TraceSegmentReportServiceServicer_to_server(Servicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"http://127.0.0.1:{port}", found
    server.stop(None).wait(20)


def test_everything_a_span_has_arrives(served: tuple[str, list[Any]]) -> None:
    url, found = served
    config = Config(exporter=("skywalking",), skywalking_endpoint=url, service_name="Shop")
    sending = pipeline.build(config, RESOURCE)
    events = [Event("miss", START, {"n": 1})]
    sending.put(make_span(tags=SERVER_TAGS, status=2, events=events))
    assert sending.flush(20.0)
    # Its server has no properties, which is nobody's loss.
    assert sending.counters()["skywalking"] == {"sent": 1, "dropped": 0, "failed": 0, "queued": 0}
    sending.shutdown()
    (segment,) = found
    (span,) = segment.spans
    assert (segment.traceId, segment.traceSegmentId, segment.service) == (TRACE_ID, SPAN_ID, "Shop")
    assert (span.spanId, span.parentSpanId, span.isError) == (0, -1, True)
    assert (span.spanType, span.spanLayer) == (tracing.SpanType.Entry, tracing.SpanLayer.Http)
    assert span.refs[0].refType == tracing.RefType.CrossThread
    assert {tag.key: tag.value for tag in span.tags}["http.status_code"] == "200"
    assert [pair.key for pair in span.logs[0].data] == ["event", "n"]
    for message in (segment, span, *span.refs, *span.tags, *span.logs):
        assert message.SerializeToString() and not message.FindInitializationErrors()


def test_thousands_arrive_once_each(served: tuple[str, list[Any]]) -> None:
    url, found = served
    sending = pipeline.build(Config(exporter=("skywalking",), skywalking_endpoint=url), RESOURCE)
    for span in numbered(3000):
        sending.put(span)
    assert sending.flush(20.0)
    sending.shutdown()
    assert sorted(segment.traceSegmentId for segment in found) == [
        span.span_id for span in numbered(3000)
    ]
