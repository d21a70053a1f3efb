"""Clients without an integration of their own, as they come."""

from __future__ import annotations

import http.client
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import BaseAdapter

from tests.contract.agent import Spans
from tests.contract.calls import SAMPLED, TRACE, UNSAMPLED, within
from tests.contract.upstream import Upstream


class Answering(BaseAdapter):
    """Gives a session its answers without any network, as those for files and tests do."""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        self.seen = dict(request.headers)
        return made(request, 200, b"made up")

    def close(self) -> None: ...


class Calling(Answering):
    """Sends a session's requests without urllib3."""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        parts = urlsplit(str(request.url))
        connection = http.client.HTTPConnection(parts.netloc)
        connection.request(str(request.method), parts.path, request.body, dict(request.headers))
        answer = connection.getresponse()
        try:
            return made(request, answer.status, answer.read())
        finally:
            connection.close()


def made(request: requests.PreparedRequest, status: int, body: bytes) -> requests.Response:
    """A response of a session."""
    response = requests.Response()
    response.status_code, response.request, response.url = status, request, str(request.url)
    response._content = body
    return response


def session(adapter: BaseAdapter) -> requests.Session:
    """One that has another adapter."""
    found = requests.Session()
    found.trust_env = False
    found.mount("http://", adapter)
    return found


def test_an_adapter_that_sends_nothing_makes_no_span(spans: Spans) -> None:
    """What it sees are the headers of the program."""
    adapter = Answering()
    answer = within(lambda: session(adapter).get("http://shop.example/", headers={"X-A": "1"}))
    assert answer.content == b"made up" and "traceparent" not in adapter.seen
    assert [span["kind"] for span in spans.exactly(1)] == ["server"]


@pytest.mark.parametrize("inbound", [SAMPLED, UNSAMPLED], ids=["sampled", "unsampled"])
def test_an_adapter_without_urllib3_is_traced_by_what_is_below(
    inbound: dict[str, str], spans: Spans, upstream: Upstream
) -> None:
    answer = within(lambda: session(Calling()).get(upstream.url()), inbound)
    assert answer.content == b"hello"
    assert upstream.one().span[0] == TRACE
    assert len(spans) == (2 if inbound is SAMPLED else 0)


def httplib2_client() -> Any:
    return pytest.importorskip("httplib2").Http(timeout=10, proxy_info=None)


@pytest.mark.parametrize("inbound", [SAMPLED, UNSAMPLED], ids=["sampled", "unsampled"])
def test_httplib2_is_traced_hop_by_hop(
    inbound: dict[str, str], spans: Spans, upstream: Upstream
) -> None:
    headers = {"TraceParent": inbound["traceparent"]}
    before = dict(headers)
    url = upstream.url(f"/redirect?{upstream.url()}")
    _, content = within(lambda: httplib2_client().request(url, headers=headers), inbound)
    assert content == b"hello" and headers == before
    arrivals = upstream.wait(2)
    assert [len(arrival.values("traceparent")) for arrival in arrivals] == [1, 1]
    if inbound is UNSAMPLED:
        assert spans == []
        return
    server, *clients = spans.exactly(3)
    assert [span["tags"]["http.status_code"] for span in clients] == ["302", "200"]
    assert [arrival.span for arrival in arrivals] == [(TRACE, span["span_id"]) for span in clients]
    assert {span["parent_id"] for span in clients} == {server["span_id"]}


def test_httplib2_tries_again_with_a_span_each(spans: Spans, upstream: Upstream) -> None:
    with pytest.raises(http.client.RemoteDisconnected):
        httplib2_client().request(upstream.url("/drop"))
    arrivals = upstream.wait(2)
    assert [arrival.span[1] for arrival in arrivals] == [s["span_id"] for s in spans.exactly(2)]
    assert {span["tags"]["response_flags"] for span in spans.records()} == {"UC"}


def test_pycurl_itself_is_left_alone(spans: Spans, upstream: Upstream) -> None:
    """All of it is made of C, so that there is nothing to stand around."""
    pycurl = pytest.importorskip("pycurl")

    def get() -> bytes:
        curl = pycurl.Curl()
        curl.setopt(pycurl.URL, upstream.url())
        return bytes(curl.perform_rb())

    assert within(get, SAMPLED) == b"hello"
    assert upstream.one().values("traceparent") == []
    assert [span["kind"] for span in spans.exactly(1)] == ["server"]
