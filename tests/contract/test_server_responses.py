"""When and how the span of a server call ends, and what is counted on the way."""

from __future__ import annotations

import json

import pytest

from tests.contract import wire
from tests.contract.agent import Record
from tests.contract.application import FILE
from tests.contract.conftest import Serve
from tests.contract.servers import Served, Server


def outcome(span: Record) -> tuple[str, str, str, str]:
    """Status code, flags, size of the response, and whether it counts as an error."""
    tags = span["tags"]
    status, flags, size = (tags[k] for k in ("http.status_code", "response_flags", "response_size"))
    return status, flags, size, tags.get("error", "")


def counts(served: Served) -> dict[str, int]:
    """What happened in the application's process since it was asked last."""
    found: dict[str, int] = json.loads(served.get("/counts").body)
    return found


OUTCOMES = {
    "/hello": ("200", "-", "5", ""),
    "/no-such-path": ("404", "-", "7", ""),
    "/broken": ("500", "-", "6", "true"),
    "/bare-status": ("404", "-", "4", ""),
    "/several": ("200", "-", "15", ""),
    "/nothing": ("204", "-", "0", ""),
    "/generator": ("200", "-", "15", ""),
    "/lazy": ("202", "-", "4", ""),
    "/write": ("200", "-", "15", ""),
    "/file": ("200", "-", str(FILE.stat().st_size), ""),
    "/second-thoughts": ("503", "-", "5", "true"),
}


@pytest.mark.parametrize("path", OUTCOMES)
def test_the_response_is_told_as_it_was_sent(path: str, serve: Serve) -> None:
    served = serve()
    reply = served.get(path)
    span = served.one()
    assert outcome(span) == OUTCOMES[path]
    assert (str(reply.status), str(len(reply.body))) == (outcome(span)[0], outcome(span)[2])
    assert span["status"] == ("error" if OUTCOMES[path][3] else "unset")


@pytest.mark.parametrize("path", ["/raising", "/raising-late", "/raising-first"])
def test_an_exception_before_the_response_is_a_500(path: str, serve: Serve, server: Server) -> None:
    """The server answers for the application, even where that had begun to."""
    served = serve()
    reply = served.get(path)
    assert reply.status == 500
    span = served.one()
    size = len(reply.body) if server.counts_pages else 0
    assert outcome(span) == ("500", "-", str(size), "true")
    assert (span["status"], span["status_message"]) == ("error", "ValueError: not today")


@pytest.mark.parametrize("path", ["/raising-midstream", "/too-late"])
def test_an_exception_within_the_body_breaks_the_connection(path: str, serve: Serve) -> None:
    served = serve()
    reply = served.get(path)
    assert (reply.status, reply.body, reply.cut) == (200, b"so far", True)
    span = served.one()
    assert outcome(span) == ("200", "UC", "6", "true")
    assert (span["status"], span["status_message"]) == ("error", "ValueError: not today")


def test_the_body_of_a_request_is_counted(serve: Serve) -> None:
    served = serve()
    served.get("/echo", method="POST", body=b"x" * 70000)
    tags = served.one()["tags"]
    assert (tags["request_size"], tags["response_size"]) == ("70000", "70000")


@pytest.mark.parametrize("path", ["/hello", "/generator", "/several"])
def test_head_has_no_body(path: str, serve: Serve) -> None:
    served = serve()
    # wsgiref sends one all the same, and nobody reads it.
    assert served.get(path, method="HEAD").status == 200
    assert outcome(served.one()) == ("200", "-", "0", "")


def test_a_body_is_closed_once(serve: Serve, upstream_port: int) -> None:
    served = serve()
    counts(served)
    assert served.get(f"/closing?{upstream_port}").body == b"step-1step-2"
    # With the one before, and the four calls that it makes itself.
    served.finished(7)
    assert counts(served)["closed"] == 1


def test_a_file_is_sent_by_the_server_itself(serve: Serve) -> None:
    """It stays what the server recognises, so it is read as without us: by the kernel, mostly."""

    def sent(served: Served) -> dict[str, int]:
        counts(served)
        assert served.get("/file").body == FILE.read_bytes()
        return counts(served)

    with_agent, without = sent(serve()), sent(serve(traced=False))
    assert with_agent == without
    assert with_agent["files closed"] == 1 and not with_agent.get("not a wrapper")


def test_a_client_that_leaves_is_flagged(serve: Serve) -> None:
    served = serve()
    with wire.connect(served.port) as connection:
        wire.send(connection, "/endless")
        assert connection.recv(1000)
        wire.hang_up(connection)
    status, flags, size, error = outcome(served.one())
    assert (status, flags, error) == ("200", "DC", "")
    assert int(size) > 0
