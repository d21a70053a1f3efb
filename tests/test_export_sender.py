"""The one exchange over the network: what is sent, and what is made of every kind of answer."""

from __future__ import annotations

import re
import socket
import tempfile
import threading
from pathlib import Path

import pytest

from autotrace.export.sender import Sender
from tests.export_certificate import make_certificate
from tests.export_server import Reply, black_hole, collecting, refusing_url


def sender(url: str, **others: object) -> Sender:
    """A sender with a generous time-out."""
    return Sender(url, {"authorization": "Bearer x"}, 10.0, **others)  # type: ignore[arg-type]


def test_what_is_sent() -> None:
    with collecting() as collector:
        answer = sender(f"{collector.url}/v1/traces?a=b").post(b"body" * 9, "text/plain", 5.0)
        sent = collector.received()
    assert answer.status == 200
    assert (sent.path, sent.body) == ("/v1/traces?a=b", b"body" * 9)
    assert sent.headers["content-type"] == "text/plain"
    assert sent.headers["content-encoding"] == "gzip"
    assert sent.headers["authorization"] == "Bearer x"


def test_a_request_is_marked_not_sampled() -> None:
    with collecting() as collector:
        posting = sender(collector.url)
        posting.post(b"1", "text/plain", 5.0)
        posting.post(b"2", "text/plain", 5.0)
        first, second = collector.received().headers, collector.received().headers
    assert first["b3"] == "0"
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-00", first["traceparent"])
    assert first["traceparent"] != second["traceparent"]


def test_our_own_patches_are_told_to_leave_it_alone() -> None:
    with collecting() as collector:
        posting = sender(collector.url)
        posting.post(b"1", "text/plain", 5.0)
        assert posting._connection is not None
        assert posting._connection._autotrace_outbound is False  # type: ignore[attr-defined]


def test_without_compression_the_body_is_bare() -> None:
    with collecting() as collector:
        sender(collector.url, compress=False).post(b"bare", "text/plain", 5.0)
        sent = collector.received()
    assert ("content-encoding" in sent.headers, sent.body) == (False, b"bare")


def test_the_connection_is_kept() -> None:
    with collecting(Reply(body=b"accepted")) as collector:
        posting = sender(collector.url)
        for _ in range(3):
            posting.post(b"x", "text/plain", 5.0)
        assert len({request.client for request in collector.so_far()}) == 1


def test_a_connection_that_the_server_closed_is_opened_anew() -> None:
    with collecting(Reply(close=True)) as collector:
        posting = sender(collector.url)
        statuses = [posting.post(b"x", "text/plain", 5.0).status for _ in range(3)]
        assert statuses == [200, 200, 200]
        assert len({request.client for request in collector.so_far()}) == 3


def test_a_long_answer_is_cut_and_its_connection_given_up() -> None:
    with collecting() as collector:
        collector.replies.put(Reply(body=b"x" * 100_000))
        posting = sender(collector.url)
        assert len(posting.post(b"x", "text/plain", 5.0).body) == 65536
        assert posting.post(b"x", "text/plain", 5.0).status == 200


def test_an_answer_with_what_it_asks_for() -> None:
    with collecting(Reply(429, b"slow down", (("Retry-After", "7"),))) as collector:
        answer = sender(collector.url).post(b"x", "text/plain", 5.0)
    assert (answer.status, answer.body, answer.retry_after) == (429, b"slow down", "7")


def test_nobody_listens() -> None:
    answer = sender(refusing_url()).post(b"x", "text/plain", 5.0)
    assert (answer.status, answer.problem, answer.refused) == (0, "Connection refused", True)


def test_nobody_answers() -> None:
    with black_hole() as url:
        answer = sender(url).post(b"x", "text/plain", 0.05)
    assert (answer.status, answer.problem, answer.refused) == (0, "timed out", False)


def test_no_time_is_left() -> None:
    with collecting() as collector:
        assert sender(collector.url).post(b"x", "text/plain", -1.0).problem == "timed out"
        assert collector.so_far() == []


def test_an_unknown_host_is_no_exception() -> None:
    answer = sender("http://nowhere.invalid:4318").post(b"x", "text/plain", 5.0)
    assert answer.status == 0
    assert answer.problem


def test_an_answer_that_is_no_http_is_no_exception() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def serve() -> None:
            accepted, _ = listening.accept()
            with accepted:
                accepted.recv(65536)
                accepted.sendall(b"SSH-2.0-OpenSSH\r\n")

        serving = threading.Thread(target=serve)
        serving.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        answer = sender(url).post(b"x", "text/plain", 5.0)
        serving.join()
    assert (answer.status, bool(answer.problem)) == (0, True)


def test_tls_to_a_server_without_it_is_no_exception() -> None:
    with collecting() as collector:
        url = collector.url.replace("http:", "https:")
        answer = sender(url).post(b"x", "text/plain", 5.0)
    assert (answer.status, bool(answer.problem)) == (0, True)


def test_a_certificate_file_that_is_missing_is_no_exception() -> None:
    posting = sender("https://127.0.0.1:1", ca_file="/no/such/file.pem")
    answer = posting.post(b"x", "text/plain", 5.0)
    assert answer.status == 0
    assert answer.problem.startswith("no certificates in /no/such/file.pem: ")


def test_credentials_are_in_no_message() -> None:
    assert sender("http://me:secret@host:1/v1").address == "http://host:1/v1"


def test_an_ipv6_address() -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        with collecting(host="::1") as collector:
            assert sender(collector.url).post(b"x", "text/plain", 5.0).status == 200
    except OSError as error:
        pytest.skip(f"this machine has no IPv6 loopback: {error}")


def test_a_unix_socket() -> None:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listening:
        path = str(Path(folder) / "a.sock")
        listening.bind(path)
        listening.listen()
        taken: list[bytes] = []

        def serve() -> None:
            accepted, _ = listening.accept()
            with accepted, accepted.makefile("rb") as request:
                taken.extend(iter(request.readline, b"\r\n"))
                lengths = [int(line[15:]) for line in taken if line.startswith(b"Content-Length:")]
                request.read(lengths[0])
                accepted.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

        serving = threading.Thread(target=serve)
        serving.start()
        url = f"http+unix://{path.replace('/', '%2F')}/v1/traces"
        assert sender(url).post(b"x", "text/plain", 5.0).status == 200
        serving.join()
    assert taken[0] == b"POST /v1/traces HTTP/1.1\r\n"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


def test_a_server_whose_certificate_is_trusted(certificate: tuple[str, str]) -> None:
    with collecting(tls=certificate) as collector:
        assert sender(collector.url, ca_file=certificate[0]).post(b"x", "a/b", 20.0).status == 200
        assert collector.received().body == b"x"


def test_a_server_whose_certificate_is_not(certificate: tuple[str, str]) -> None:
    with collecting(tls=certificate) as collector:
        answer = sender(collector.url).post(b"x", "text/plain", 20.0)
        assert (answer.status, collector.so_far()) == (0, [])
        assert "certificate verify failed" in answer.problem
