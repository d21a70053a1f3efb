"""Vectors of gRPC: which requests are, and which statuses are errors."""

from __future__ import annotations

from autotrace import grpc_status
from autotrace.facts import ClientRequest
from autotrace.span import CLIENT
from autotrace.tags import Reading
from tests.vectors.ops_tags import span
from tests.vectors.registry import Given, Outcome, known, op


@op("grpc.error")
def grpc_error(given: Given) -> Outcome:
    made = span(CLIENT, ClientRequest("POST", "http", "api", 80, "/pb.Foo/Bar"), Reading())
    made.status = given["http_status"]
    grpc_status.note(made, {"grpc-status": given["grpc_status"]})
    return {"error": dict(made.tags()).get("error") == "true"}


@op("grpc.is_request")
def grpc_is_request(given: Given) -> Outcome:
    headers = known(given["headers"])
    return {
        "is_grpc": grpc_status.is_request(headers.get("content-type", ""), headers.get(":path", ""))
    }
