"""What no client sees: a server that is played by hand looks at an ASGI application's messages."""

from __future__ import annotations

import asyncio
import gc
import inspect
import weakref
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

import pytest
from opentelemetry import trace

from autotrace import integration
from autotrace.context import CURRENT
from autotrace.integrations import asgi
from tests.contract import agent
from tests.contract.agent import Record, Spans
from tests.contract.calls import PARENT, SAMPLED, TRACE, UNSAMPLED
from tests.contract.upstream import Upstream
from tests.contract.wire import HOST

Application = Callable[..., Awaitable[None]]
SETTINGS: list[dict[str, str]] = [{}, {"mode": "propagate"}, {"random_sampling": "0"}]
REQUEST = {"type": "http.request", "body": b"", "more_body": False}
# Whatever plays a server or an application here is typed loosely.
call: Any = asgi.call
DISCONNECT = {"type": "http.disconnect"}
START = {"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]}


def scope_of(headers: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
    """The scope of a GET with these headers."""
    pairs = {"host": "shop:8000", **(headers or {})}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/in",
        "raw_path": b"/in",
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in pairs.items()],
        "client": ("127.0.0.9", 5000),
        "server": ("127.0.0.1", 8000),
    }
    return {**scope, **changes}


def served(
    application: Application,
    scope: dict[str, Any] | None = None,
    arriving: Iterable[dict[str, Any]] = (REQUEST, DISCONNECT),
    **options: Any,
) -> list[dict[str, Any]]:
    """What a traced call of an application sends while these messages arrive."""
    sent: list[dict[str, Any]] = []
    messages = iter(arriving)

    async def receive() -> dict[str, Any]:
        return next(messages)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(call(application, scope or scope_of(), receive, send, **options))
    return sent


def outcome(span: Record) -> tuple[str, str, str, str]:
    """Status code, flags, size of the response, and whether it counts as an error."""
    tags = span["tags"]
    status, flags, size = (tags[k] for k in ("http.status_code", "response_flags", "response_size"))
    return status, flags, size, tags.get("error", "")


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send(START)
    await send({"type": "http.response.body", "body": b"hello"})


@pytest.mark.parametrize("scope", [{"type": "lifespan"}, {"type": "http.of.the.future"}])
def test_other_scopes_are_none_of_our_business(scope: dict[str, Any], spans: Spans) -> None:
    seen: list[Any] = []

    async def application(*args: Any) -> None:
        seen.extend((*args, dict(CURRENT.get())))

    async def receive() -> None: ...
    async def send(message: object) -> None: ...

    asyncio.run(call(application, scope, receive, send))
    assert seen[0] is scope and seen[1:] == [receive, send, {}] and len(scope) == 1
    assert spans == []


@pytest.mark.parametrize("settings", SETTINGS)
def test_what_is_not_recorded_gets_the_servers_own_callables(settings: dict[str, str]) -> None:
    seen: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append((receive, send))

    async def receive() -> None: ...
    async def send(message: object) -> None: ...

    with agent.traced(**settings):
        asyncio.run(call(application, scope_of(UNSAMPLED), receive, send))
    assert seen == [(receive, send)]


def test_ten_thousand_chunks_are_one_span(spans: Spans) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        for _ in range(10_000):
            await send({"type": "http.response.body", "body": b"xy", "more_body": True})
        assert spans == []
        await send({"type": "http.response.body"})

    assert len(served(application)) == 10_002
    assert outcome(spans.one()) == ("200", "-", "20000", "")


def test_the_call_ends_with_its_response_and_background_work_hands_on(
    spans: Spans, upstream: Upstream
) -> None:
    import http.client

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await hello(scope, receive, send)
        assert len(spans) == 1
        connection = http.client.HTTPConnection(HOST, upstream.port)
        connection.request("GET", "/")
        connection.getresponse().read()
        connection.close()

    served(application, scope_of(SAMPLED))
    server, client = spans.exactly(2)
    assert (server["parent_id"], client["parent_id"]) == (PARENT, server["span_id"])
    assert upstream.one().span == (TRACE, client["span_id"])


def test_trailers_come_before_the_end(spans: Spans) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({**START, "trailers": True})
        await send({"type": "http.response.body", "body": b"hello"})
        assert spans == []
        await send({"type": "http.response.trailers", "headers": [], "more_trailers": False})
        assert len(spans) == 1

    served(application)


def test_the_status_of_grpc_is_in_the_headers_or_the_trailers() -> None:
    def trailers(pairs: Any) -> dict[str, Any]:
        return {"type": "http.response.trailers", "headers": pairs, "more_trailers": False}

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({**START, "headers": [(b"grpc-status", b"0")], "trailers": True})
        await send({"type": "http.response.body", "body": b"hello"})
        await send(trailers([(b"grpc-status", b"13"), (b"grpc-message", b"no"), (b"x-t", b"1")]))

    tags = '[{"tag": "t", "value": "%TRAILER(X-T)%"}]'
    with agent.traced(custom_tags=tags) as spans:
        served(application)
        made = spans.one()["tags"]
    assert (made["grpc.status_code"], made["grpc.message"], made["t"]) == ("13", "no", "1")
    assert made["error"] == "true"


def test_a_file_that_the_server_sends_has_the_size_that_was_announced(spans: Spans) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({**START, "headers": [(b"content-length", b"12345")]})
        await send({"type": "http.response.pathsend", "path": __file__})

    served(application)
    assert outcome(spans.one()) == ("200", "-", "12345", "")


def test_a_client_that_leaves_is_flagged_where_the_application_is_told(spans: Spans) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send({"type": "http.response.body", "body": b"so far", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass

    served(application)
    assert outcome(spans.one()) == ("200", "DC", "6", "")


def test_a_head_is_all_that_a_client_waits_for(spans: Spans) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send({"type": "http.response.body", "body": b"so far", "more_body": True})
        assert await receive() == DISCONNECT

    served(application, scope_of(method="HEAD"), arriving=[DISCONNECT])
    assert outcome(spans.one()) == ("200", "-", "0", "")


def test_the_disconnect_that_ends_every_request_is_no_departure(spans: Spans) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await hello(scope, receive, send)
        assert await receive() == DISCONNECT

    served(application, arriving=[DISCONNECT])
    assert outcome(spans.one()) == ("200", "-", "5", "")


def test_a_send_that_fails_since_nobody_is_there_is_a_departure(spans: Spans) -> None:
    async def failing(message: object) -> None:
        raise ConnectionResetError

    async def run() -> None:
        with pytest.raises(ConnectionResetError):
            await call(hello, scope_of(), failing, failing)

    asyncio.run(run())
    assert outcome(spans.one()) == ("200", "DC", "0", "")


def test_a_call_that_is_canceled_was_given_up(spans: Spans) -> None:
    async def run() -> None:
        begun = asyncio.Event()

        async def application(scope: Any, receive: Any, send: Any) -> None:
            begun.set()
            await asyncio.Event().wait()

        task = asyncio.ensure_future(call(application, scope_of(), begun.wait, begun.wait))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    # A call without a status is an error, for Envoy.
    assert outcome(spans.one()) == ("0", "DC", "0", "true")


@pytest.mark.parametrize(("eager", "ends"), [(True, ("200", "UC")), (False, ("500", "-"))])
def test_what_becomes_of_a_response_without_a_body(
    eager: bool, ends: tuple[str, str], spans: Spans
) -> None:
    """Servers that hold the head back answer for the application; others have sent it."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        raise ValueError("not today")

    with pytest.raises(ValueError, match="not today"):
        served(application, eager=eager)
    span = spans.one()
    assert outcome(span) == (*ends, "0", "true")
    assert span["status_message"] == "ValueError: not today"


def test_an_application_that_answers_nothing_is_answered_for(spans: Spans) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None: ...

    served(application)
    assert outcome(spans.one()) == ("500", "-", "0", "true")


@pytest.mark.parametrize("headers", [SAMPLED, UNSAMPLED])
@pytest.mark.parametrize("error", [KeyError("a"), KeyboardInterrupt(), SystemExit(3)])
def test_the_applications_exception_comes_out_itself(
    error: BaseException, headers: dict[str, str], spans: Spans
) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        raise error

    async def nothing(*args: object) -> None: ...

    with pytest.raises(type(error)) as caught:
        call(application, scope_of(headers), nothing, nothing).send(None)
    assert caught.value is error and error.__context__ is None


@pytest.mark.parametrize("headers", [{}, SAMPLED, UNSAMPLED])
@pytest.mark.parametrize("settings", SETTINGS)
def test_the_context_is_left_as_it_was(settings: dict[str, str], headers: dict[str, str]) -> None:
    inside = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        inside.append(bool(CURRENT.get()))
        await hello(scope, receive, send)

    async def run() -> None:
        async def send(message: object) -> None: ...

        await call(application, scope_of(headers), send, send)
        inside.append(bool(CURRENT.get()))

    with agent.traced(**settings):
        asyncio.run(run())
    # Nothing that came in is nothing to propagate.
    assert inside == [bool(headers) or settings != {"mode": "propagate"}, False]


def test_messages_are_handed_on_as_they_are(spans: Spans) -> None:
    messages = [START, {"type": "http.response.body", "body": b"", "more_body": True}]

    async def application(scope: Any, receive: Any, send: Any) -> None:
        assert await receive() is REQUEST
        for message in messages:
            await send(message)
        await send({"type": "http.response.body"})

    sent = served(application)
    assert [a is b for a, b in zip(sent, messages, strict=False)] == [True, True]


@pytest.mark.parametrize(
    "message", [START, {"type": "http.response.trailers", "headers": [(b"a", b"b")]}]
)
def test_headers_that_can_be_read_but_once_are_sent(message: Any, spans: Spans) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({**message, "headers": iter(message["headers"])})

    (sent,) = served(application)
    assert list(sent["headers"]) == [(b"a", b"b")]


@pytest.mark.parametrize("settings", [*SETTINGS, {"use_remote_address": "1"}])
def test_addresses_that_can_be_read_but_once_are_read_by_the_application_too(
    settings: dict[str, str],
) -> None:
    """Falcon's test client makes iterators of them."""
    ends = {"client": ("127.0.0.9", 5000), "server": ("127.0.0.1", 8000)}
    seen: dict[str, tuple[Any, ...]] = {}

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.update({name: tuple(scope[name]) for name in ends})
        await hello(scope, receive, send)

    once = {name: iter(address) for name, address in ends.items()}
    with agent.traced(**settings) as spans:
        served(application, {**scope_of(), "headers": [], **once})
        hosts = [span["tags"]["http.url"] for span in spans.records()]
    assert seen == ends
    traced = "mode" not in settings and "random_sampling" not in settings
    assert hosts == ["http://127.0.0.1:8000/in"] * traced


@pytest.mark.parametrize("headers", [SAMPLED, UNSAMPLED])
def test_the_response_tells_the_request_id_where_it_shall(headers: dict[str, str]) -> None:
    named = {**headers, "x-request-id": "id-1"}
    with agent.traced(always_set_request_id_in_response="true"):
        start, _ = served(hello, scope_of(named))
    assert start["headers"] == [(b"a", b"b"), (b"x-request-id", b"id-1")]
    assert START["headers"] == [(b"a", b"b")]


def socket_scope(headers: dict[str, str] | None = None) -> dict[str, Any]:
    """The scope of a websocket's handshake."""
    scope = scope_of(headers, type="websocket", scheme="ws", subprotocols=[])
    del scope["method"]
    return scope


@pytest.mark.parametrize(
    ("messages", "ends"),
    [
        (["websocket.accept", "websocket.send", "websocket.close"], ("101", "-", "0", "")),
        (["websocket.close"], ("403", "-", "0", "")),
        ([], ("500", "-", "0", "true")),
    ],
)
def test_a_websocket_is_a_handshake(
    messages: list[str], ends: tuple[str, ...], spans: Spans
) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        for kind in messages:
            await send({"type": kind, "text": "x"})
            assert len(spans) == 1

    served(application, socket_scope(SAMPLED))
    span = spans.one()
    assert outcome(span) == ends
    assert (span["parent_id"], span["tags"]["http.url"]) == (PARENT, "http://shop:8000/in")
    assert span["tags"]["http.method"] == "GET"


def test_a_websocket_may_be_refused_by_a_response(spans: Spans) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.http.response.start", "status": 401, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b"no"})

    served(application, socket_scope())
    assert outcome(spans.one()) == ("401", "-", "2", "")


def test_what_is_called_in_a_websocket_hands_on(spans: Spans) -> None:
    within: list[object] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await receive()
        within.append(integration.served_call())
        await send({"type": "websocket.close"})

    served(application, socket_scope(), [{"type": "websocket.receive", "text": "x"}])
    assert within[0] is not None
    spans.one()


SAID: dict[str, Any] = {"type": "websocket.receive", "text": "x"}
GONE: dict[str, Any] = {"type": "websocket.disconnect", "code": 1001}


@pytest.mark.parametrize("ending", ["closed", "left", "left silently", "failed"])
def test_the_session_of_a_websocket_may_be_a_span_of_its_own(ending: str) -> None:
    called: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        # A call of the session's, which hands its own span on.
        outbound = integration.carried_headers()
        assert outbound is not None
        called.append(dict(outbound.pairs)["traceparent"].split("-")[2])
        for _ in range(2):
            await receive()
            await send({"type": "websocket.send", "text": "y"})
        if ending == "closed":
            await send({"type": "websocket.close", "code": 4000})
        elif ending == "failed":
            raise KeyError("k")
        else:
            await receive()
        if ending == "left silently":
            raise ConnectionError("is gone")

    arriving: list[dict[str, Any]] = [{"type": "websocket.connect"}, SAID, SAID, GONE]
    with agent.traced(websocket_sessions="1") as spans:
        try:
            served(application, socket_scope(SAMPLED), arriving)
        except (KeyError, ConnectionError) as error:
            assert ending in ("failed", "left silently"), error
        handshake, session = sorted(spans.exactly(2), key=lambda span: span["kind"] != "server")
    assert outcome(handshake)[0] == "101"
    assert (session["name"], session["kind"]) == ("websocket session", "internal")
    assert (session["parent_id"], session["trace_id"]) == (handshake["span_id"], TRACE)
    assert called == [session["span_id"]]
    tags = session["tags"]
    assert (tags["websocket.messages_received"], tags["websocket.messages_sent"]) == (2, 2)
    code = {"closed": 4000, "failed": None}.get(ending, 1001)
    assert tags.get("websocket.close_code") == code
    assert session["status"] == ("error" if ending == "failed" else "unset")
    assert session["start"] + session["duration_ns"] >= handshake["start"]


def test_a_session_leaves_a_span_of_the_programs_current() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        with trace.get_tracer("t").start_as_current_span("own") as own:
            await send({"type": "websocket.accept"})
            assert trace.get_current_span() is own
        await send({"type": "websocket.close"})

    with agent.traced(websocket_sessions="1") as spans:
        served(application, socket_scope(SAMPLED))
        names = {span["name"] for span in spans.exactly(3)}
    assert names == {"shop:8000", "own", "websocket session"}


@pytest.mark.parametrize("headers", [SAMPLED, UNSAMPLED])
def test_a_handshake_that_fails_or_is_not_recorded_begins_no_session(
    headers: dict[str, str],
) -> None:
    async def refusing(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.close"})

    async def accepting(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})

    with agent.traced(websocket_sessions="1") as spans:
        served(refusing if headers is SAMPLED else accepting, socket_scope(headers))
        assert len(spans.records()) == (1 if headers is SAMPLED else 0)


def test_a_call_that_begins_within_another_is_not_that_one() -> None:
    """As a pipelined request does under uvicorn."""
    seen: list[object] = []

    async def second(scope: Any, receive: Any, send: Any) -> None:
        seen.append(integration.served_call())

    async def first(scope: Any, receive: Any, send: Any) -> None:
        seen.append(integration.served_call())
        await call(second, scope_of(), receive, send)
        seen.append(integration.served_call())

    with agent.traced(mode="propagate"):
        served(first, scope_of(SAMPLED))
    assert seen[0] is seen[2] is not None and seen[1] is None


def test_layers_make_one_span(spans: Spans) -> None:
    inner = partial(call, partial(call, hello))
    served(inner)
    assert outcome(spans.one()) == ("200", "-", "5", "")


def test_a_scope_may_be_without_headers(spans: Spans) -> None:
    scope = scope_of()
    del scope["headers"]
    served(hello, scope)
    assert outcome(spans.one()) == ("200", "-", "5", "")
    assert "headers" not in scope


@pytest.mark.parametrize("query", [b"a=b", "a=b"])
def test_a_query_may_be_text(query: object, spans: Spans) -> None:
    served(hello, scope_of(query_string=query))
    assert spans.one()["tags"]["http.url"] == "http://shop:8000/in?a=b"


def test_a_scope_that_is_used_again_is_another_call(spans: Spans) -> None:
    scope = scope_of()
    served(hello, scope)
    served(hello, scope)
    spans.exactly(2)


def test_an_entry_can_be_told_from_a_factory() -> None:
    """Servers try to call what may be one, and ask whether it is a coroutine function."""

    class Framework:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await hello(scope, receive, send)

    original = Framework.__call__
    entry: Any = asgi.entry(original)
    assert inspect.iscoroutinefunction(entry)
    assert list(inspect.signature(entry).parameters) == list(inspect.signature(original).parameters)
    with pytest.raises(TypeError):
        entry(Framework())


def test_an_application_that_is_handed_over_still_looks_like_itself(spans: Spans) -> None:
    handed: Any = asgi.handed_over(hello)
    assert (handed == hello, inspect.iscoroutinefunction(handed)) == (True, True)
    assert handed.__name__ == "hello" and asgi.handed_over(handed) is handed
    with pytest.raises(TypeError):
        handed()

    async def nothing(*args: object) -> None: ...

    # As daphne calls it.
    called: Any = handed(scope=scope_of(), receive=nothing, send=nothing)
    asyncio.run(called)
    spans.one()


@pytest.mark.parametrize("headers", [SAMPLED, UNSAMPLED])
def test_nothing_of_a_call_is_kept(headers: dict[str, str], spans: Spans) -> None:
    """Its scope goes when its server has done with it, without waiting for a collection."""

    class Thing:
        pass

    scope = scope_of(headers)
    thing = scope["the.thing"] = Thing()
    gone = weakref.ref(thing)
    gc.collect()
    gc.disable()
    try:
        served(hello, scope)
        del scope, thing
        assert gone() is None
    finally:
        gc.enable()
