"""What Envoy's configuration makes of calls, with every client."""

from __future__ import annotations

import json

from tests.contract import agent
from tests.contract.clients import Client
from tests.contract.upstream import Upstream

SERVED_BY = json.dumps([{"tag": "by", "value": "%RESP(X-SERVED-BY)%"}])


def test_a_call_is_named_as_the_callee_says(client: Client, upstream: Upstream) -> None:
    with agent.traced() as spans:
        assert client.send(upstream.url("/named/theirs")) == (200, b"hello")
        assert spans.one()["name"] == "theirs"


def test_tags_are_made_of_the_headers_of_responses(client: Client, upstream: Upstream) -> None:
    with agent.traced(custom_tags=SERVED_BY) as spans:
        assert client.send(upstream.url("/named/theirs")) == (200, b"hello")
        assert spans.one()["tags"]["by"] == "r1"
    with agent.traced(custom_tags=SERVED_BY) as spans:
        assert client.send(upstream.url("/ok")) == (200, b"hello")
        assert "by" not in spans.one()["tags"]
