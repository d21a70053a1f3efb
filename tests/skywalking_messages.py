"""Reads SkyWalking's protobuf by its published definition, with protobuf's own library.

https://github.com/apache/skywalking-data-collect-protocol/blob/master/language-agent/Tracing.proto
"""

from __future__ import annotations

from typing import Any

from google.protobuf.json_format import MessageToDict

from tests.protobuf_messages import message

COLLECT = "/skywalking.v3.TraceSegmentReportService/collectInSync"
PROPERTIES = "/skywalking.v3.ManagementService/reportInstanceProperties"

# Enumerations are numbers here: refType CrossProcess 0, CrossThread 1; spanType Entry 0, Exit 1,
# Local 2; spanLayer Unknown 0, Database 1, RPCFramework 2, Http 3, MQ 4, Cache 5, FAAS 6.
DEFINITION = {
    "KeyStringValuePair": "string:key string:value",
    "Log": "int64:time *KeyStringValuePair:data",
    "SegmentReference": "int32:refType string:traceId string:parentTraceSegmentId "
    "int32:parentSpanId string:parentService string:parentServiceInstance string:parentEndpoint "
    "string:networkAddressUsedAtPeer",
    "SpanObject": "int32:spanId int32:parentSpanId int64:startTime int64:endTime "
    "*SegmentReference:refs string:operationName string:peer int32:spanType int32:spanLayer "
    "int32:componentId bool:isError *KeyStringValuePair:tags *Log:logs bool:skipAnalysis",
    "SegmentObject": "string:traceId string:traceSegmentId *SpanObject:spans string:service "
    "string:serviceInstance bool:isSizeLimited",
    "SegmentCollection": "*SegmentObject:segments",
    "InstanceProperties": "string:service string:serviceInstance *KeyStringValuePair:properties "
    "string:layer",
}
SEGMENTS = message("skywalking.v3", DEFINITION, "SegmentCollection")
INSTANCE = message("skywalking.v3", DEFINITION, "InstanceProperties")
TYPES = ("server", "client", "internal")


def read(collection: bytes) -> list[dict[str, Any]]:
    """The segments of a message, zeros and empty texts left out; tags and logs by their keys."""
    return [_segment(each) for each in SEGMENTS.FromString(collection).segments]


def _segment(segment: Any) -> dict[str, Any]:
    assert segment.traceId and segment.traceSegmentId and segment.service
    assert segment.serviceInstance
    made: dict[str, Any] = MessageToDict(segment)
    for span in made["spans"]:
        span["tags"] = {pair["key"]: pair.get("value", "") for pair in span.get("tags", ())}
        for log in span.get("logs", ()):
            log["data"] = {pair["key"]: pair.get("value", "") for pair in log["data"]}
    return made
