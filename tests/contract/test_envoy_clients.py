"""What Envoy's configuration makes of calls, with every client."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest
import urllib3
from urllib3.util import Retry

from tests.contract import agent
from tests.contract import upstream as upstreams
from tests.contract.clients import Client, those_that
from tests.contract.upstream import Upstream
from tests.contract.wire import HOST

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


@those_that("retries")
def test_the_last_attempt_is_flagged(client: Client, upstream: Upstream) -> None:
    """Whose answer would have had another one."""
    with agent.traced() as spans:
        assert client.send(upstream.url("/flaky/9")) == (503, b"later")
        flags = [span["tags"]["response_flags"] for span in spans.exactly(6)]
    assert flags == [*["-"] * 5, "URX"]
    with agent.traced() as spans:
        assert client.send(upstream.url("/flaky/5")) == (200, b"hello")
        assert {span["tags"]["response_flags"] for span in spans.exactly(6)} == {"-"}


def test_the_last_attempt_to_connect_is_flagged() -> None:
    def flags(call: Callable[[str], object]) -> list[str]:
        with upstreams.refusing() as port, agent.traced() as spans:
            with pytest.raises((urllib3.exceptions.HTTPError, httpx.ConnectError)):
                call(f"http://{HOST}:{port}/")
            return [span["tags"]["response_flags"] for span in spans.records()]

    with urllib3.PoolManager() as pool:
        twice = Retry(total=None, connect=1, read=5)
        assert flags(lambda url: pool.request("GET", url, retries=twice)) == ["UF", "UF,URX"]
        assert flags(lambda url: pool.request("GET", url, retries=0)) == ["UF"]
        read = Retry(connect=2, read=0)
        assert flags(lambda url: pool.request("GET", url, retries=read))[-1] == "UF,URX"
    # Attempts of one exchange.
    with httpx.Client(transport=httpx.HTTPTransport(retries=1)) as one:
        assert flags(one.get) == ["UF,URX"]
    with httpx.Client() as none:
        assert flags(none.get) == ["UF"]
