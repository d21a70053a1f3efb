"""What no client sees: a server that is played by hand looks at an application step by step."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterable, Iterator
from typing import Any
from wsgiref.validate import validator

import pytest

from autotrace import integration
from autotrace.context import CURRENT
from autotrace.integrations import wsgi
from tests.contract import agent
from tests.contract.agent import Spans
from tests.contract.application import PATHS, Closing, Environ
from tests.contract.calls import SAMPLED, UNSAMPLED, environ_of, served, start_response
from tests.contract.upstream import Upstream

SETTINGS: list[dict[str, str]] = [{}, {"mode": "propagate"}, {"random_sampling": "0"}]
Start = Any


def streaming(environ: Environ, start_response: Start) -> Iterator[bytes]:
    start_response("200 OK", [])
    yield b"one"
    yield b"two"


@pytest.mark.parametrize("headers", [{}, SAMPLED, UNSAMPLED])
@pytest.mark.parametrize("settings", SETTINGS)
def test_the_context_is_current_only_while_the_application_runs(
    settings: dict[str, str], headers: dict[str, str]
) -> None:
    inside = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            return self

        def __next__(self) -> bytes:
            inside.append(bool(CURRENT.get()))
            if len(inside) > 3:
                raise StopIteration
            return b"x"

        def close(self) -> None:
            inside.append(bool(CURRENT.get()))

    def application(environ: Environ, start_response: Start) -> Iterable[bytes]:
        inside.append(bool(CURRENT.get()))
        start_response("200 OK", [])
        return Body()

    with agent.traced(**settings):
        outside = []
        body = wsgi.call(application, environ_of(headers), start_response)
        outside.append(CURRENT.get())
        for _ in body:
            outside.append(CURRENT.get())
        body.close()  # type: ignore[attr-defined]
        outside.append(CURRENT.get())
    assert outside == [{}] * 4
    # Nothing that came in is nothing to propagate.
    assert inside == [bool(headers) or settings != {"mode": "propagate"}] * 5


def test_a_body_that_nobody_closes_ends_its_span(spans: Spans) -> None:
    body = wsgi.call(streaming, environ_of(), start_response)
    assert list(body) == [b"one", b"two"]
    assert spans == []
    del body
    gc.collect()
    assert spans.one()["tags"]["response_flags"] == "-"


@pytest.mark.parametrize("length", ["5", 5])
def test_the_length_of_a_request_may_be_a_number(length: object, spans: Spans) -> None:
    served(streaming, {**environ_of(), "CONTENT_LENGTH": length})
    assert spans.one()["tags"]["request_size"] == "5"


def test_a_body_may_be_closed_anywhere(spans: Spans) -> None:
    """In another thread, where another context is current, by whoever collects it."""
    body = wsgi.call(streaming, environ_of(), start_response)
    next(iter(body))
    closer = threading.Thread(target=body.close)  # type: ignore[attr-defined]
    closer.start()
    closer.join()
    span = spans.one()
    assert (span["tags"]["response_flags"], span["tags"]["response_size"]) == ("DC", "3")


@pytest.mark.parametrize("headers", [{}, SAMPLED, UNSAMPLED])
@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("path", sorted(set(PATHS) - {"/endless", "/nested", "/bare-status"}))
def test_both_sides_speak_the_protocol(
    path: str, settings: dict[str, str], headers: dict[str, str], upstream: Upstream
) -> None:
    """Between the standard library's validators, in place of a server and of an application."""
    environ = environ_of(headers, path)
    environ["QUERY_STRING"], environ["CONTENT_LENGTH"] = str(upstream.port), "0"
    plain: Any = validator(PATHS[path])
    with agent.traced(**settings):
        traced: Any = validator(lambda *args: wsgi.call(plain, *args))
        outcome = _run(traced, environ)
    again = environ_of(headers, path)
    again["QUERY_STRING"], again["CONTENT_LENGTH"] = environ["QUERY_STRING"], "0"
    assert outcome == _run(plain, again)


def _run(application: Any, environ: Environ) -> object:
    """What a server gets out of an application: chunks, or how it fails."""
    chunks: list[bytes] = []
    body: Any = None

    def start_response(status: str, headers: Any, info: Any = None) -> Any:
        if info and chunks:
            raise info[1].with_traceback(info[2])
        return chunks.append

    try:
        body = application(environ, start_response)
        chunks += body
    except Exception as error:
        assert not isinstance(error, AssertionError), error
        return repr(error), chunks
    finally:
        if body is not None and hasattr(body, "close"):
            body.close()
    return chunks


ERRORS = [KeyError("a"), KeyboardInterrupt(), SystemExit(3), GeneratorExit()]


@pytest.mark.parametrize("headers", [SAMPLED, UNSAMPLED])
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_the_applications_exception_comes_out_itself(
    error: BaseException, headers: dict[str, str], spans: Spans
) -> None:
    def at_once(environ: Environ, start_response: Start) -> Iterable[bytes]:
        raise error

    def later(environ: Environ, start_response: Start) -> Iterator[bytes]:
        yield b"x"
        raise error

    for application in (at_once, later):
        with pytest.raises(type(error)) as caught:
            served(application, environ_of(headers))
        assert caught.value is error and error.__context__ is None


def test_start_response_is_handed_what_the_application_says(spans: Spans) -> None:
    said: list[Any] = []

    def start(*args: Any) -> Any:
        said.append(args)
        return writer

    def writer(data: bytes) -> str:
        return f"wrote {data!r}"

    headers = [("a", "b")]
    error = ValueError("x")
    info = (ValueError, error, None)

    def application(environ: Environ, start_response: Start) -> Iterable[bytes]:
        write = start_response("200 OK", headers)
        assert write(b"x") == "wrote b'x'"
        start_response("500 No", headers, info)
        return []

    assert list(wsgi.call(application, environ_of(SAMPLED), start)) == []
    assert said == [("200 OK", headers), ("500 No", headers, info)]
    assert said[0][1] is headers and said[1][2] is info and headers == [("a", "b")]


@pytest.mark.parametrize("headers", [SAMPLED, UNSAMPLED])
def test_a_body_keeps_its_length(headers: dict[str, str], spans: Spans) -> None:
    """Servers derive a length from it, and must not from a generator."""

    def listed(environ: Environ, start_response: Start) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [b"x"]

    body: Any = wsgi.call(listed, environ_of(headers), start_response)
    assert len(body) == 1
    assert not hasattr(wsgi.call(streaming, environ_of(headers), start_response), "__len__")


@pytest.mark.parametrize("headers", [SAMPLED, UNSAMPLED])
def test_nothing_of_a_call_is_kept(headers: dict[str, str], spans: Spans) -> None:
    """Its environ and its body go when its server has done with them."""

    class Thing:
        pass

    environ = environ_of(headers)
    thing = environ["the.thing"] = Thing()
    gone = weakref.ref(thing)
    body = wsgi.call(lambda e, s: Closing(e), environ, start_response)
    del environ, thing, body
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("settings", SETTINGS)
def test_an_environ_that_is_used_again_is_another_call(settings: dict[str, str]) -> None:
    """Whatever the call before has left in it: also after an error, and beside a body not read."""
    calls: list[object] = []

    def application(environ: Environ, start_response: Start) -> Iterator[bytes]:
        calls.append(integration.served_call())
        if len(calls) == 2:
            raise ValueError("boom")
        return streaming(environ, start_response)

    with agent.traced(**settings) as spans:
        environ = environ_of(SAMPLED)
        served(application, environ)
        with pytest.raises(ValueError):
            served(application, environ)
        unread = wsgi.call(application, environ, start_response)
        served(application, environ)
        del unread
        gc.collect()
        if settings != {"mode": "propagate"}:
            spans.exactly(4)
    assert None not in calls and len(set(map(id, calls))) == 4


def test_an_application_that_is_handed_over_still_looks_like_itself(spans: Spans) -> None:
    class Mine:
        name = "mine"

        def __call__(self, environ: Environ, start_response: Start) -> Iterable[bytes]:
            start_response("200 OK", [])
            return [self.name.encode()]

    application = Mine()
    handed: Any = wsgi.handed_over(application)
    assert isinstance(handed, Mine) and handed.name == "mine"
    assert handed == application and hash(handed) == hash(application)
    assert list(handed(environ_of(), start_response)) == [b"mine"]
    assert wsgi.handed_over(handed) is handed
    spans.one()
