"""Flask: one span for whatever its own machinery does to answer, and the route that it found."""

from __future__ import annotations

from collections.abc import Iterator

import flask
import pytest

from tests.contract import agent
from tests.contract.agent import Record, Spans
from tests.contract.calls import SAMPLED


def shop() -> flask.Flask:
    """An application with a bit of everything."""
    app = flask.Flask("shop")

    @app.get("/item/<int:number>")
    def item(number: int) -> str:
        return str(number)

    @app.get("/stream")
    def stream() -> flask.Response:
        def body() -> Iterator[str]:
            yield "one"
            yield flask.request.path

        return flask.Response(flask.stream_with_context(body()))

    @app.get("/abort")
    def abort() -> str:
        flask.abort(403)

    @app.get("/fail")
    def fail() -> str:
        raise ZeroDivisionError("by zero")

    @app.get("/handled")
    def handled() -> str:
        raise KeyError("missing")

    @app.errorhandler(KeyError)
    def not_so_bad(error: KeyError) -> tuple[str, int]:
        return "handled", 409

    @app.get("/file")
    def file() -> flask.Response:
        return flask.send_file(__file__)

    return app


def got(path: str, spans: Spans, headers: dict[str, str] | None = None) -> tuple[bytes, Record]:
    """The body, and the span, of one request by Flask's own client."""
    with shop().test_client().get(path, headers=headers) as response:
        body = response.get_data()
    return body, spans.one()


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("/item/7", "200", None),
        ("/item/x", "404", None),
        ("/stream", "200", None),
        ("/abort", "403", None),
        ("/handled", "409", None),
        ("/fail", "500", "true"),
        ("/file", "200", None),
    ],
)
def test_the_answer_is_what_counts(path: str, status: str, error: str | None, spans: Spans) -> None:
    body, span = got(path, spans)
    tags = span["tags"]
    assert (tags["http.status_code"], tags.get("error")) == (status, error)
    flags = "NR" if path == "/item/x" else "-"
    assert (tags["response_flags"], tags["response_size"]) == (flags, str(len(body)))
    assert tags["http.url"] == f"http://localhost{path}"


def test_a_stream_runs_within_its_request(spans: Spans) -> None:
    body, span = got("/stream", spans, SAMPLED)
    assert body == b"one/stream"
    assert span["parent_id"] == SAMPLED["traceparent"].split("-")[2]


def test_the_route_is_the_rule_that_matched() -> None:
    with agent.traced(tags="otel") as spans:
        _, span = got("/item/7", spans)
        assert span["tags"]["http.route"] == "/item/<int:number>"
        spans.clear()
        _, span = got("/item/x", spans)
        assert "http.route" not in span["tags"]


@pytest.mark.parametrize("path", ["/item/7", "/stream", "/abort", "/handled", "/fail", "/none"])
def test_the_answer_is_as_without_the_agent(path: str) -> None:
    def answer() -> object:
        with shop().test_client().get(path, headers=SAMPLED) as response:
            return response.status, list(response.headers), response.get_data()

    with agent.traced():
        traced = answer()
    assert traced == answer()


def test_testing_lets_exceptions_through(spans: Spans) -> None:
    app = shop()
    app.testing = True
    with pytest.raises(ZeroDivisionError):
        app.test_client().get("/fail")
    span = spans.one()
    assert span["tags"]["http.status_code"] == "500"
    assert span["status_message"] == "ZeroDivisionError: by zero"
