"""How calls end, and that the program is told what it would be told without the agent."""

from __future__ import annotations

import gc
import re
import socket
from typing import Any

import pytest

from autotrace.export.sender import Sender
from tests.contract import agent
from tests.contract import upstream as upstreams
from tests.contract.agent import Spans
from tests.contract.calls import PARENT, SAMPLED, TRACE, within
from tests.contract.clients import STEP, Client, those_that
from tests.contract.outcomes import outcome, told
from tests.contract.upstream import Upstream
from tests.contract.wire import HOST


@pytest.mark.parametrize(
    ("status", "error", "otel"),
    [(200, None, "unset"), (404, None, "error"), (500, "true", "error")],
)
def test_a_status_is_told(
    status: int, error: str | None, otel: str, client: Client, spans: Spans, upstream: Upstream
) -> None:
    assert client.send(upstream.url(f"/status/{status}")) == (status, b"said")
    span = spans.one()
    assert outcome(span) == (str(status), "-", error, otel)
    assert "error.reason" not in span["tags"]


@pytest.mark.parametrize(
    ("method", "path", "status"), [("HEAD", "/ok", 200), ("GET", "/empty", 204)]
)
def test_an_answer_without_a_body_is_over_at_once(
    method: str, path: str, status: int, client: Client, spans: Spans, upstream: Upstream
) -> None:
    assert client.send(upstream.url(path), None, method) == (status, b"")
    assert outcome(spans.one()) == (str(status), "-", None, "unset")


def test_a_refused_connection(client: Client) -> None:
    with upstreams.refusing() as port:
        url = f"http://{HOST}:{port}/"
        with agent.traced() as spans:
            traced = told(lambda: within(lambda: client.send(url), SAMPLED))
        assert traced == told(lambda: client.send(url))
    server, *clients = spans.records()
    # Who tries again by himself is seen to do so.
    assert len(clients) == (6 if "retries" in client.features else 1)
    for number, span in enumerate(clients):
        flags = "UF,URX" if number == 5 else "UF"
        assert outcome(span) == ("0", flags, "true", "error")
        assert (span["parent_id"], span["name"]) == (server["span_id"], f"{HOST}:{port}")
        assert client.refusal in span["tags"]["error.reason"]
        assert span["tags"].get("retry.count") == (str(number) if number else None)


def test_a_name_that_is_unknown(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args: Any, **kwargs: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with agent.traced() as spans:
        traced = told(lambda: client.send("http://no-such.invalid/"))
    assert traced == told(lambda: client.send("http://no-such.invalid/"))
    for number, span in enumerate(spans.records()):
        flags = "UF,URX,DF" if number == 5 else "UF,DF"
        assert outcome(span) == ("0", flags, "true", "error")
        assert span["name"] == "no-such.invalid"
    assert spans


def test_no_answer_in_time(client: Client, upstream: Upstream) -> None:
    impatient = type(client)(timeout=0.1)
    with agent.traced() as spans:
        traced = told(lambda: impatient.send(upstream.url("/silent"), None, "POST", b"x"))
        span = spans.one()
    assert outcome(span) == ("0", "UT", "true", "error")
    # Some libraries say no more than the name of the exception.
    assert re.search("timed out|timeout", span["tags"]["error.reason"].lower())
    assert span["tags"]["upstream_address"] == f"{HOST}:{upstream.port}"
    assert traced == told(lambda: impatient.send(upstream.url("/silent"), None, "POST", b"x"))
    impatient.close()


def test_a_connection_that_ends_before_the_answer(client: Client, upstream: Upstream) -> None:
    with agent.traced() as spans:
        traced = told(lambda: client.send(upstream.url("/drop"), None, "POST", b"x"))
        assert outcome(spans.one()) == ("0", "UC", "true", "error")
    assert traced == told(lambda: client.send(upstream.url("/drop"), None, "POST", b"x"))


def test_an_answer_that_is_cut_off(client: Client, upstream: Upstream) -> None:
    """Which not every library minds."""
    with agent.traced() as spans:
        traced = told(lambda: client.send(upstream.url("/cut"), None, "POST", b"x"))
        gc.collect()
        assert spans.one()["tags"]["http.status_code"] == "200"
    assert traced == told(lambda: client.send(upstream.url("/cut"), None, "POST", b"x"))


@those_that("redirects")
def test_each_hop_of_a_redirect_is_a_call(client: Client, spans: Spans, upstream: Upstream) -> None:
    """Also to another host, whose span knows only its own address."""
    with upstreams.serving() as other:
        url = upstream.url(f"/redirect?{upstream.url('/redirect')}?{other.url()}")
        assert within(lambda: client.send(url, {"X-Mine": "1"}), SAMPLED) == (200, b"hello")
        arrivals = [*upstream.wait(2), other.one()]
    server, *clients = spans.exactly(4)
    assert [outcome(span)[0] for span in clients] == ["302", "302", "200"]
    assert [span["name"] for span in clients] == [f"{HOST}:{upstream.port}"] * 2 + [
        f"{HOST}:{other.port}"
    ]
    for span, arrival in zip(clients, arrivals, strict=True):
        assert span["parent_id"] == server["span_id"]
        assert "retry.count" not in span["tags"]
        assert arrival.span == (TRACE, span["span_id"])
        assert arrival.value("x-b3-spanid") == span["span_id"]
        assert arrival.value("x-mine") == "1"


@those_that("retries")
def test_each_attempt_is_a_call(client: Client, spans: Spans, upstream: Upstream) -> None:
    url = upstream.url("/flaky/3")
    assert within(lambda: client.send(url), SAMPLED) == (200, b"hello")
    server, *clients = spans.exactly(5)
    assert [outcome(span)[0] for span in clients] == ["503", "503", "503", "200"]
    assert [span["tags"].get("retry.count") for span in clients] == [None, "1", "2", "3"]
    assert {span["parent_id"] for span in clients} == {server["span_id"]}
    assert [a.span for a in upstream.wait(4)] == [(TRACE, span["span_id"]) for span in clients]


@those_that("retries")
def test_attempts_are_counted_anew_after_a_redirect(
    client: Client, spans: Spans, upstream: Upstream
) -> None:
    url = upstream.url(f"/redirect?{upstream.url('/flaky/1')}")
    if client.send(url).status == 503:
        pytest.skip("the first urllib3 of 1.26 does not try again behind a redirect")
    clients = spans.exactly(3)
    assert [outcome(span)[0] for span in clients] == ["302", "503", "200"]
    assert [span["tags"].get("retry.count") for span in clients] == [None, None, "1"]


def test_a_download_lasts_until_its_body_is_read(
    client: Client, spans: Spans, upstream: Upstream
) -> None:
    opened = client.open(upstream.url("/stream"))
    assert opened.read(STEP) == b"first"
    assert spans == []
    upstream.release.set()
    assert opened.read(None) == b"secondthird"
    assert outcome(spans.one()) == ("200", "-", None, "unset")
    opened.close()


def test_a_download_that_is_closed_is_over(
    client: Client, spans: Spans, upstream: Upstream
) -> None:
    opened = client.open(upstream.url("/stream"))
    assert opened.read(STEP) == b"first"
    opened.close()
    assert outcome(spans.one())[0] == "200"
    upstream.release.set()


def test_an_answer_that_nobody_reads_is_over_when_it_is_gone(
    client: Client, spans: Spans, upstream: Upstream
) -> None:
    opened = client.open(upstream.url("/stream"))
    assert spans == []
    del opened
    gc.collect()
    assert outcome(spans.one())[0] == "200"
    upstream.release.set()


def test_an_upload_is_sent_as_it_is_made(client: Client, spans: Spans, upstream: Upstream) -> None:
    """In chunks, and the program's steps run where they would run."""
    url = upstream.url()
    answer = within(lambda: client.send(url, None, "POST", iter([b"one", b"two"])), SAMPLED)
    assert answer == (200, b"hello")
    arrival = upstream.one()
    assert arrival.body == b"onetwo"
    # Old versions of urllib3 say it twice for botocore.
    assert set(arrival.values("transfer-encoding")) == {"chunked"}
    assert arrival.span == (TRACE, spans.exactly(2)[1]["span_id"])


def test_an_upload_that_fails_raises_what_it_raised(client: Client, upstream: Upstream) -> None:
    errors = [RuntimeError("no more")]

    def body() -> Any:
        yield b"one"
        raise errors[0]

    with agent.traced() as spans:
        with pytest.raises(Exception) as caught:
            client.send(upstream.url(), None, "POST", body())
        # botocore and aiohttp raise their own, with this one behind it.
        behind = caught.value.__cause__ or caught.value.__context__
        assert errors[0] in (caught.value, behind)
        # Its traceback holds the connection, which old versions of requests just leave.
        del caught, behind, errors[:]
        gc.collect()
        spans.exactly(1)


def test_the_agents_own_requests_are_no_calls(spans: Spans, upstream: Upstream) -> None:
    """They are marked not sampled, whatever is current, and no proxy makes a span of them."""
    sender = Sender(upstream.url("/v1/traces"), {}, 5.0)
    try:
        answer = within(lambda: sender.post(b"spans", "text/plain", 5.0), SAMPLED)
    finally:
        sender.close()
    assert answer.status == 200
    arrival = upstream.one()
    assert arrival.span[0] != TRACE and arrival.value("traceparent").endswith("-00")
    assert arrival.value("b3") == "0" and arrival.values("x-request-id") == []
    assert spans.one()["parent_id"] == PARENT
