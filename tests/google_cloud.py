"""A loopback stand-in of Google Cloud Trace and of the metadata server.

Bodies are read by Google's published messages where google-cloud-trace is installed, and by the
names of their fields otherwise.
"""

from __future__ import annotations

import json
import re
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict

from tests.export_server import Received, Reply

# Loaded here, because that takes longer than programs have that wait for an answer.
PUBLISHED: Any = None
if find_spec("google") and find_spec("google.cloud") and find_spec("google.cloud.trace_v2"):
    PUBLISHED = import_module("google.cloud.trace_v2.types").BatchWriteSpansRequest

METADATA = "GCE_METADATA_HOST"
PROJECT, TOKEN = "shop-1234", "ya29.token"
WRITE = f"/v2/projects/{PROJECT}/traces:batchWrite"

_name = re.compile(r"projects/[^/]+/traces/[0-9a-f]{32}/spans/[0-9a-f]{16}").fullmatch
FIELDS = {
    *("name", "spanId", "parentSpanId", "displayName", "startTime", "endTime", "attributes"),
    *("timeEvents", "links", "status", "sameProcessAsParentSpan", "spanKind"),
}


def answering(request: Received) -> Reply:
    """What the two servers answer, by the request's path and its credentials."""
    if request.path == "/computeMetadata/v1/project/project-id":
        assert request.headers["metadata-flavor"] == "Google"
        return Reply(body=PROJECT.encode())
    if request.path == "/computeMetadata/v1/instance/service-accounts/default/token":
        assert request.headers["metadata-flavor"] == "Google"
        body = {"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"}
        return Reply(body=json.dumps(body).encode())
    if request.path != WRITE:
        return Reply(404)
    if request.headers.get("authorization") != f"Bearer {TOKEN}":
        return Reply(401, b'{"error": {"status": "UNAUTHENTICATED"}}')
    try:
        read_spans(request.body)
    except Exception as error:
        return Reply(400, str(error).encode())
    return Reply(body=b"{}")


def read_spans(body: bytes) -> list[dict[str, Any]]:
    """The spans of a `traces:batchWrite`; raises where Google's definition has no such field."""
    given = json.loads(body)
    assert set(given) == {"spans"}
    for span in given["spans"]:
        assert set(span) <= FIELDS and _name(span["name"])
    if PUBLISHED is None:
        spans: list[dict[str, Any]] = given["spans"]
        return spans
    read: Any = ParseDict(given, PUBLISHED.pb()())
    found: list[dict[str, Any]] = MessageToDict(read)["spans"]
    return found
