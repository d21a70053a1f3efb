"""What Envoy's configuration makes of requests, with every server."""

from __future__ import annotations

import json

import pytest

from tests.contract.conftest import Serve
from tests.contract.servers import Served
from tests.contract.wire import Reply

CONTENT_TYPE = json.dumps([{"tag": "type", "value": "%RESP(Content-Type)%"}])
NAMED = json.dumps([{"match": {"prefix": "/"}, "decorator": {"operation": "ours"}}])
SAMPLED = ("traceparent", f"00-{'ab' * 16}-{'ab' * 8}-01")
UNSAMPLED = ("b3", "0")


def values(reply: Reply, name: str) -> list[str]:
    """What an answer says under a name."""
    return [value for key, value in reply.headers if key.lower() == name]


def test_tags_are_made_of_the_headers_of_the_response(serve: Serve) -> None:
    served = serve(custom_tags=CONTENT_TYPE)
    served.get("/hello", [UNSAMPLED])
    (sent,) = values(served.get("/hello", [SAMPLED]), "content-type")
    assert served.one()["tags"]["type"] == sent


def test_the_response_tells_the_name_and_the_id_of_the_request(serve: Serve) -> None:
    served = serve(routes=NAMED, always_set_request_id_in_response="1")
    for headers in ([SAMPLED], [UNSAMPLED], []):
        told = _told(served, [*headers, ("x-request-id", "their-own")])
        assert told == (["ours"], ["their-own"])


def _told(served: Served, headers: list[tuple[str, str]]) -> tuple[list[str], list[str]]:
    reply = served.get("/hello", headers)
    return values(reply, "x-envoy-decorator-operation"), values(reply, "x-request-id")


INSTANTS = [
    "last_downstream_rx_byte_received",
    "first_downstream_tx_byte_sent",
    "last_downstream_tx_byte_sent",
]


@pytest.mark.parametrize("path", ["/hello", "/generator", "/nothing"])
def test_verbose_spans_have_the_instants(path: str, serve: Serve) -> None:
    served = serve(verbose="1")
    served.get(path, [SAMPLED])
    span = served.one()
    events = [event["name"] for event in span["events"]]
    assert events[-2:] == INSTANTS[1:]
    # Applications of ASGI need not ask for a request that has no body.
    assert events[:-2] in ([], INSTANTS[:1])
    times = [int(event["time"]) for event in span["events"]]
    assert times == sorted(times)
