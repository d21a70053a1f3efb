"""Requests that are signed arrive as they were signed, and the signature holds.

They are signed by botocore. Whoever receives one makes the signature again from what arrived.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.contract import agent
from tests.contract.agent import Spans
from tests.contract.calls import SAMPLED, UNSAMPLED, within
from tests.contract.clients import Client
from tests.contract.upstream import Arrival, Upstream
from tests.contract.wire import HOST

CREDENTIALS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
BODY = b'{"key": "value"}'
TRACING = ("traceparent", "tracestate", "baggage", "x-request-id", "b3", "x-b3-traceid")


def signed(url: str, headers: dict[str, str]) -> dict[str, str]:
    """The headers of a signed POST of the body."""
    request = AWSRequest("POST", url, headers=headers, data=BODY)
    SigV4Auth(CREDENTIALS, "execute-api", "eu-north-1").add_auth(request)
    return dict(request.headers.items())


def presigned(url: str) -> str:
    """A URL that anybody may get for a while."""
    request = AWSRequest("GET", url)
    S3SigV4QueryAuth(CREDENTIALS, "s3", "eu-north-1", 60).add_auth(request)
    made: str = request.url
    return made


def holds(arrival: Arrival, service: str = "execute-api") -> bool:
    """Whether the signature is that of what arrived."""
    query = parse_qs(urlsplit(arrival.target).query)
    signer = S3SigV4Auth if service == "s3" else SigV4Auth
    target, auth = arrival.target, signer(CREDENTIALS, service, "eu-north-1")
    if "X-Amz-Signature" in query:
        auth = S3SigV4QueryAuth(CREDENTIALS, "s3", "eu-north-1", 60)
        names, claimed = query["X-Amz-SignedHeaders"][0], query["X-Amz-Signature"][0]
        date = query["X-Amz-Date"][0]
        target = target.replace(f"&X-Amz-Signature={claimed}", "")
    else:
        _, _, parts = arrival.value("authorization").partition(" ")
        said = dict(part.strip().split("=", 1) for part in parts.split(","))
        names, claimed = said["SignedHeaders"], said["Signature"]
        date = arrival.value("x-amz-date")
    headers = {name: arrival.value(name) for name in names.split(";")}
    url = f"http://{arrival.value('host')}{target}"
    request = AWSRequest(arrival.method, url, headers=headers, data=arrival.body)
    request.context["timestamp"] = date
    to_sign = auth.string_to_sign(request, auth.canonical_request(request))
    return bool(auth.signature(to_sign, request) == claimed)


@pytest.mark.parametrize("inbound", [SAMPLED, UNSAMPLED])
def test_a_signed_request_arrives_as_it_was_signed(
    inbound: dict[str, str], client: Client, spans: Spans, upstream: Upstream
) -> None:
    """Even a header of tracing that was signed; and its span is made all the same."""
    url = upstream.url("/ok?b=2&a=1")
    mine = {"X-Amz-Meta": "a  b", "X-Request-Id": "signed", "Content-Type": "application/json"}
    headers = signed(url, mine)
    before = dict(headers)
    within(lambda: client.send(url, headers, "POST", BODY), inbound)
    arrival = upstream.one()
    assert holds(arrival) and headers == before
    assert arrival.value("x-request-id") == "signed"
    assert [name for name in TRACING if arrival.values(name)] == ["x-request-id"]
    assert len(spans) == (2 if inbound is SAMPLED else 0)


@pytest.mark.parametrize("inbound", [SAMPLED, UNSAMPLED])
def test_a_presigned_url_is_got_without_more(
    inbound: dict[str, str], client: Client, spans: Spans, upstream: Upstream
) -> None:
    url = presigned(upstream.url("/ok/key"))
    within(lambda: client.send(url), inbound)
    assert holds(upstream.one())
    assert [name for name in TRACING if upstream.one().values(name)] == []
    assert len(spans) == (2 if inbound is SAMPLED else 0)


def test_propagate_mode_leaves_signed_requests_alone(client: Client, upstream: Upstream) -> None:
    url = upstream.url()
    with agent.traced(mode="propagate"):
        within(lambda: client.send(url, signed(url, {}), "POST", BODY), SAMPLED)
    assert holds(upstream.one()) and upstream.one().values("traceparent") == []


def test_a_signature_does_not_hold_for_anything_else(client: Client, upstream: Upstream) -> None:
    """What these tests rest on."""
    url = upstream.url()
    client.send(url, signed(url, {"X-Amz-Meta": "a"}), "POST", BODY)
    client.send(presigned(upstream.url("/ok/key")))
    first, second = upstream.wait(2)
    assert holds(first) and holds(second)
    other = [(n, "b" if n.lower() == "x-amz-meta" else v) for n, v in first.headers]
    assert not holds(first._replace(headers=other))
    assert not holds(first._replace(body=b"other"))
    assert not holds(second._replace(target=second.target.replace("key", "other")))
    assert HOST in second.value("host")
