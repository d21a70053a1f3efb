"""Google Cloud Trace: its body, and the way to a project and a token."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autotrace.config import Config
from autotrace.export import attempts, cloud_trace, google_metadata, pipeline
from autotrace.export.google_cloud import open_receiver
from autotrace.export.receiver import Outcome, Patience
from autotrace.span import CLIENT, Event, Link, Span
from tests.export_server import Collector, Received, Reply, collecting, refusing_url
from tests.export_spans import (
    PARENT_ID,
    RESOURCE,
    SERVER_TAGS,
    SPAN_ID,
    START,
    TRACE_ID,
    make_span,
    numbered,
)
from tests.google_cloud import METADATA, PROJECT, TOKEN, WRITE, answering, read_spans


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "pause", lambda *_: 0.0)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """The API and the metadata server, which are one here."""
    with collecting(judge=answering) as collector:
        monkeypatch.setenv(METADATA, f"{collector.host}:{collector.port}")
        yield collector


def read(span: Span) -> dict[str, Any]:
    """A span as it is sent; read by Google's own messages before."""
    body = cloud_trace.encoder(PROJECT)([span], RESOURCE)
    assert len(read_spans(body)) == 1
    (made,) = json.loads(body)["spans"]
    assert isinstance(made, dict)
    return made


def deliver(config: Config, spans: int = 1) -> Outcome:
    """What becomes of so many spans."""
    receiver = open_receiver(config, RESOURCE)
    outcome = receiver.deliver(numbered(spans), Patience())
    receiver.close()
    return outcome


def test_a_whole_span() -> None:
    span = make_span(
        tags=[*SERVER_TAGS, ("n", 7), ("yes", True), ("half", 0.5), ("big", 2**70)],
        status=2,
        reason="gone",
        parent_is_remote=True,
        events=[Event("miss", START + 5, {"n": 1})],
        links=[Link(TRACE_ID, PARENT_ID, "b=2", {"why": "batch"})],
    )
    made = read(span)
    attributes = made.pop("attributes")
    assert made == {
        "name": f"projects/{PROJECT}/traces/{TRACE_ID}/spans/{SPAN_ID}",
        "spanId": SPAN_ID,
        "parentSpanId": PARENT_ID,
        "displayName": {"value": "shop.example.com"},
        "startTime": "2023-11-14T22:13:20.123456789Z",
        "endTime": "2023-11-14T22:13:20.135802467Z",
        "spanKind": "SERVER",
        "sameProcessAsParentSpan": False,
        "status": {"code": 2, "message": "gone"},
        "timeEvents": {
            "timeEvent": [
                {
                    "time": "2023-11-14T22:13:20.123456794Z",
                    "annotation": {
                        "description": {"value": "miss"},
                        "attributes": {
                            "attributeMap": {"n": {"intValue": "1"}},
                            "droppedAttributesCount": 0,
                        },
                    },
                }
            ],
            "droppedAnnotationsCount": 0,
        },
        "links": {
            "link": [
                {
                    "traceId": TRACE_ID,
                    "spanId": PARENT_ID,
                    "attributes": {
                        "attributeMap": {"why": {"stringValue": {"value": "batch"}}},
                        "droppedAttributesCount": 0,
                    },
                }
            ],
            "droppedLinksCount": 0,
        },
    }
    found = attributes["attributeMap"]
    assert attributes["droppedAttributesCount"] == 0
    assert found["/http/method"] == {"stringValue": {"value": "GET"}}
    assert found["/http/status_code"] == {"intValue": "200"}
    assert found["service.name"] == {"stringValue": {"value": "Shop"}}
    assert found["g.co/agent"]["stringValue"]["value"].startswith("autotrace ")
    assert (found["n"], found["yes"]) == ({"intValue": "7"}, {"boolValue": True})
    # Neither has a place there but as text.
    assert found["half"] == {"stringValue": {"value": "0.5"}}
    assert found["big"] == {"stringValue": {"value": str(2**70)}}


def test_a_root_of_64_bits_has_no_parent() -> None:
    made = read(make_span(kind=CLIENT, trace_id="a3ce929d0e0e4736", parent_id=""))
    assert f"/traces/{'0' * 16}a3ce929d0e0e4736/" in made["name"]
    assert made["spanKind"] == "CLIENT"
    assert not {"parentSpanId", "sameProcessAsParentSpan"} & set(made)


def test_what_is_too_long_is_cut_and_counted() -> None:
    tags = [("long", "ü" * 40_000), *((f"a{n}", n) for n in range(1100))]
    made = read(make_span("n" * 1500, tags, events=[Event("e", START, None)] * 300))
    assert made["displayName"] == {"value": "n" * 1024, "truncatedByteCount": 476}
    long = made["attributes"]["attributeMap"]["long"]["stringValue"]
    assert (len(long["value"]), long["truncatedByteCount"]) == (32_768, 14_464)
    assert len(made["attributes"]["attributeMap"]) == 1024
    # Those of the service are the last ones.
    assert made["attributes"]["droppedAttributesCount"] == 79
    assert made["timeEvents"]["droppedAnnotationsCount"] == 44


def test_project_and_token_are_the_machines_and_asked_for_once(cloud: Collector) -> None:
    config = Config(exporter=("gcp",), gcp_endpoint=cloud.url)
    sending = pipeline.build(config, RESOURCE)
    for _ in range(2):
        sending.put(make_span())
        assert sending.flush(20.0)
    assert sending.counters()["gcp"]["sent"] == 2
    sending.shutdown()
    paths = [request.path.rpartition("/")[2] for request in cloud.so_far()]
    assert paths == ["token", "project-id", "traces:batchWrite", "traces:batchWrite"]


def test_a_token_that_ends_is_asked_for_again(cloud: Collector) -> None:
    token = google_metadata.MetadataToken()
    assert token.get(Patience()) == TOKEN
    token._ends = 0.0
    assert token.get(Patience()) == TOKEN
    assert len(cloud.so_far()) == 2


def test_what_the_user_states_is_not_asked_for(cloud: Collector) -> None:
    config = Config(gcp_endpoint=cloud.url, gcp_project=PROJECT, gcp_token=TOKEN)
    assert deliver(config, 3) == Outcome(sent=3)
    assert [request.path for request in cloud.so_far()] == [WRITE]


def test_a_token_that_is_refused_loses_the_spans_and_says_so(cloud: Collector) -> None:
    outcome = deliver(Config(gcp_endpoint=cloud.url, gcp_project=PROJECT, gcp_token="old"))
    assert outcome == Outcome(failed=1, problem=f"{cloud.url}{WRITE} answered 401")


@pytest.mark.parametrize(("status", "sent"), [(429, 1), (500, 1), (503, 1), (504, 1), (403, 0)])
def test_what_may_be_accepted_later_is_sent_again(status: int, sent: int) -> None:
    with collecting() as collector:
        collector.replies.put(Reply(status))
        config = Config(gcp_endpoint=collector.url, gcp_project=PROJECT, gcp_token=TOKEN)
        assert deliver(config).sent == sent


def test_outside_of_googles_cloud_the_loss_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(METADATA, refusing_url().partition("://")[2])
    outcome = deliver(Config())
    assert outcome.failed == 1
    assert outcome.problem.endswith("/default/token: Connection refused")


def test_the_metadata_server_of_a_new_pod_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    replies = iter([Reply(503)])

    def judge(request: Received) -> Reply:
        return next(replies, None) or answering(request)

    with collecting(judge=judge) as cloud:
        monkeypatch.setenv(METADATA, f"{cloud.host}:{cloud.port}")
        assert deliver(Config(gcp_endpoint=cloud.url)) == Outcome(sent=1)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"access_token": "x", "expires_in": null}'])
def test_a_token_that_cannot_be_read_is_said(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    with collecting(Reply(body=body)) as cloud:
        monkeypatch.setenv(METADATA, f"{cloud.host}:{cloud.port}")
        outcome = deliver(Config(gcp_endpoint=cloud.url))
    assert outcome.failed == 1
    assert "token cannot be read" in outcome.problem


def credentials(folder: Path, token_uri: str) -> str:
    """A file as Google's console makes it for a service account."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file = folder / "key.json"
    file.write_text(
        json.dumps(
            {
                "type": "service_account",
                "project_id": PROJECT,
                "private_key_id": "1",
                "private_key": pem.decode(),
                "client_email": "shop@example.iam.gserviceaccount.com",
                "token_uri": token_uri,
            }
        )
    )
    return str(file)


def test_a_file_of_credentials_gives_a_token(tmp_path: Path) -> None:
    pytest.importorskip("google.auth", reason="google-auth is not installed: no file was read")
    pytest.importorskip("cryptography", reason="cryptography is not installed: no file was read")

    def judge(request: Received) -> Reply:
        if request.path == "/token":
            assert request.body.startswith(b"assertion=")
            body = {"access_token": TOKEN, "expires_in": 3599}
            return Reply(body=json.dumps(body).encode())
        return answering(request)

    with collecting(judge=judge) as cloud:
        file = credentials(tmp_path, f"{cloud.url}/token")
        config = Config(gcp_endpoint=cloud.url, gcp_project=PROJECT, gcp_credentials=file)
        receiver = open_receiver(config, RESOURCE)
        for _ in range(2):
            assert receiver.deliver(numbered(1), Patience()) == Outcome(sent=1)
        paths = [request.path for request in cloud.so_far()]
    assert paths == ["/token", WRITE, WRITE]


def test_a_file_of_a_users_own_credentials_gives_a_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reason = "google-auth is not installed: no file was read"
    google = pytest.importorskip("google.oauth2.credentials", reason=reason)
    info = {"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c"}

    def judge(request: Received) -> Reply:
        if request.path == "/token":
            assert b"refresh_token=c" in request.body
            return Reply(body=json.dumps({"access_token": TOKEN, "expires_in": 99}).encode())
        return answering(request)

    with collecting(judge=judge) as cloud:
        file = tmp_path / "user.json"
        file.write_text(json.dumps(info))
        # Only Google renews it, whatever the file says.
        monkeypatch.setattr(google, "_GOOGLE_OAUTH2_TOKEN_ENDPOINT", f"{cloud.url}/token")
        config = Config(gcp_endpoint=cloud.url, gcp_project=PROJECT, gcp_credentials=str(file))
        assert deliver(config) == Outcome(sent=1)


def test_credentials_that_cannot_be_used_lose_the_spans_and_it_is_said(tmp_path: Path) -> None:
    pytest.importorskip("google.auth", reason="google-auth is not installed: no file was read")
    file = tmp_path / "key.json"
    for text in (None, "no JSON", "[]", '{"type": "magic"}', '{"type": "service_account"}'):
        if text is not None:
            file.write_text(text)
        outcome = deliver(Config(gcp_project=PROJECT, gcp_credentials=str(file)))
        assert outcome.failed == 1
        assert "key.json" in outcome.problem


def test_without_google_auth_a_file_is_of_no_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "autotrace.export.google_credentials", raising=False)
    monkeypatch.setitem(sys.modules, "google.auth.exceptions", None)
    outcome = deliver(Config(gcp_project=PROJECT, gcp_credentials="key.json"))
    assert outcome.failed == 1
    assert "pip install google-auth" in outcome.problem
