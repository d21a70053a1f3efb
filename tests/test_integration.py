"""The verbs of integrations: the driver of stories, changed arguments, serving."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import Callable, Generator, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from autotrace import config, context, guard, integration
from autotrace.context import CURRENT
from autotrace.export import memory
from autotrace.facts import ClientRequest, Response, ServerRequest
from autotrace.integration import EXCHANGE, Answer, Exchange, Outbound


@pytest.fixture(autouse=True)
def configured() -> Iterator[None]:
    """The core, recording everything into `memory`, and nothing current."""
    before = CURRENT.get()
    CURRENT.set(context.EMPTY)
    configure()
    yield
    CURRENT.set(before)
    integration.configure(config.load({"AUTOTRACE_MODE": "off"})[0])


def configure(**settings: str) -> None:
    environ = {"AUTOTRACE_EXPORTER": "memory"}
    environ.update({f"AUTOTRACE_{name.upper()}": value for name, value in settings.items()})
    memory.SPANS.clear()
    integration.configure(config.load(environ)[0])


def tell(connection: Any, status: int) -> Generator[Exchange | Response, Any, None]:
    answer = yield Exchange(ClientRequest("GET", "http", "api", 80, "/"), connection)
    yield Response(answer)


def patched(name: str, original: Callable[..., Any], story: Any = tell) -> Callable[..., Any]:
    return integration.story(name, story)(original)


def test_a_call_adds_no_context_variable() -> None:
    """Programs compare the variables in a call with those that were there before it."""

    def variables() -> tuple[set[Any], set[Any]]:
        configure()
        before = set(contextvars.copy_context())
        call = integration.inbound_headers([], lambda: ("api", "GET", "/"))
        assert call is not None
        CURRENT.set(integration.serving(call))
        return before, set(contextvars.copy_context())

    before, within = contextvars.Context().run(variables)
    assert within == before


def test_a_story_is_told_around_the_call() -> None:
    connection = SimpleNamespace()

    def request(connection: Any, status: int) -> int:
        call = connection.__dict__[EXCHANGE]
        assert call.span is not None
        call.end()
        return status

    assert patched("told", request)(connection, status=404) == 404
    (span,) = memory.SPANS
    assert span.name == "api"
    assert isinstance(span.request, ClientRequest)


def test_the_exception_is_the_same_object_and_ends_the_call() -> None:
    connection = SimpleNamespace()
    raised = ConnectionRefusedError("refused")

    def request(connection: Any, status: int) -> None:
        raise raised

    with pytest.raises(ConnectionRefusedError) as caught:
        patched("raises", request)(connection, 1)
    assert caught.value is raised
    assert raised.__cause__ is raised.__context__ is None
    assert connection.__dict__[EXCHANGE] is None
    (span,) = memory.SPANS
    assert (span.flags, span.reason) == (("UF",), "ConnectionRefusedError: refused")


def told_async(original: Callable[..., Any], story: Any = tell, put: Any = None) -> Any:
    function = integration.async_story("told in coroutines", story, put)(original)
    assert inspect.iscoroutinefunction(function)
    return asyncio.run(function(SimpleNamespace(), status=404))


def test_a_story_serves_a_function_of_coroutines_too() -> None:
    async def request(connection: Any, status: int) -> int:
        await asyncio.sleep(0)
        connection.__dict__[EXCHANGE].end()
        return status

    assert told_async(request) == 404
    assert memory.SPANS[0].status == 404

    async def refused(connection: Any, status: int) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        told_async(refused)
    assert memory.SPANS[1].flags == ("LR",)


def test_the_layer_on_the_wire_puts_headers_on_and_says_when_it_is_over() -> None:
    body = SimpleNamespace()

    def wire(connection: Any, status: int) -> Generator[Exchange | Answer, Any, None]:
        answer = yield Exchange(ClientRequest("GET", "http", "api", 80, "/"))
        yield Answer(Response(answer), body if answer == 200 else None)

    def put(call: Outbound, connection: Any, status: int) -> tuple[Any, int]:
        assert dict(call.pairs)["traceparent"]
        return connection, status + 1

    async def request(connection: Any, status: int) -> int:
        return 204

    assert told_async(request, wire, put) == 204
    assert [span.status for span in memory.SPANS] == [204]

    def blocking(connection: Any, status: int) -> int:
        return status

    assert integration.story("on the wire", wire, put)(blocking)(None, 199) == 200
    assert len(memory.SPANS) == 1
    vars(body)[EXCHANGE].end()
    assert memory.SPANS[1].status == 200


def test_an_answer_may_be_raised() -> None:
    def wire(connection: Any, status: int) -> Generator[Exchange | Answer, Any, None]:
        try:
            yield Exchange(ClientRequest("GET", "http", "api", 80, "/"))
        except LookupError as error:
            yield Answer(Response(error.args[0]), None)

    async def refused(connection: Any, status: int) -> None:
        raise LookupError(status)

    with pytest.raises(LookupError) as caught:
        told_async(refused, wire)
    assert (memory.SPANS[0].status, memory.SPANS[0].flags) == (404, ())
    # No frame of the story's is in it.
    assert [entry.name for entry in caught.traceback][-1] == "refused"


@pytest.mark.parametrize("fault", ["before", "after", "no exchange"])
def test_a_story_that_fails_is_not_noticed(fault: str) -> None:
    def broken(connection: Any, status: int) -> Generator[Any, Any, None]:
        if fault == "before":
            raise RuntimeError("bug")
        yield (
            None
            if fault == "no exchange"
            else Exchange(
                ClientRequest("GET", "http", "api", 80, "/"), None if fault == "after" else 5
            )
        )
        raise RuntimeError("bug")

    calls = []

    def request(connection: Any, status: int) -> int:
        calls.append((connection, status))
        return 7

    assert patched(f"broken {fault}", request, broken)("connection", 1) == 7
    assert calls == [("connection", 1)]


def test_ten_failures_switch_the_integration_off() -> None:
    told = []

    def broken(*args: Any) -> Generator[Any, Any, None]:
        told.append(args)
        raise RuntimeError("bug")
        yield

    function = patched("breaks often", lambda: 3, broken)
    assert [function() for _ in range(20)] == [3] * 20
    assert len(told) == guard.FAILURES_ALLOWED
    assert guard.site("breaks often").off


def test_no_story_is_told_of_a_call_that_is_not_recorded() -> None:
    configure(random_sampling="0")
    call = integration.inbound_environ({})
    assert call is not None
    CURRENT.set(integration.serving(call))

    def never(*args: Any) -> Generator[Any, Any, None]:
        raise AssertionError("told")
        yield

    assert patched("unrecorded", lambda: 3, never)() == 3
    assert guard.site("unrecorded").failures == 0


def test_an_argument_is_changed_by_position_or_name_and_else_left() -> None:
    class Server:
        def run(self, host: str, app: Any = None) -> tuple[str, Any]:
            return host, app

    change = integration.argument("changed", "app", 1, lambda app: f"<{app}>")
    run = change(Server.run)
    assert run(Server(), "h", "a") == ("h", "<a>")
    assert run(Server(), "h", app="a") == ("h", "<a>")
    assert run(Server(), "h") == ("h", None)


def test_a_change_that_fails_leaves_the_arguments() -> None:
    def broken(app: Any) -> Any:
        raise RuntimeError("bug")

    run = integration.argument("unchanged", "app", 0, broken)(lambda self, app: app)
    assert run(None, "a") == "a"
    assert guard.site("unchanged").failures == 1


def test_the_call_that_is_served_can_be_told_its_route() -> None:
    assert integration.served_call() is None
    call = integration.inbound_environ({"HTTP_HOST": "api"})
    assert call is not None
    assert call.span is not None
    CURRENT.set(integration.serving(call))
    assert integration.served_call() is call
    assert integration.is_serving(call)
    call.span.request = ServerRequest("GET", "http", "api", "/a/1", "HTTP/1.1", "", "", 0)
    integration.tell_route(call.span, "/a/<n>")
    assert call.span.request.route == "/a/<n>"
    CURRENT.set(context.EMPTY)
    assert not integration.is_serving(call)
    assert not integration.is_serving(None)


@pytest.mark.parametrize(("mode", "kept"), [("propagate", True), ("trace", False)])
def test_apart_from_a_call_is_what_the_call_brought(mode: str, kept: bool) -> None:
    """In propagate mode the span that is current and the baggage are the program's own."""
    configure(mode=mode)
    call = integration.inbound_environ({"HTTP_TRACEPARENT": f"00-{'1' * 32}-{'2' * 16}-01"})
    assert call is not None
    program = {context.SPAN: object(), "another": object()}
    CURRENT.set(context.Context({**integration.serving(call), **program}))
    left = integration.apart()
    assert context.CALL not in left
    assert (context.SPAN in left) is kept
    assert left["another"] is program["another"]


def test_off_means_nothing() -> None:
    configure(mode="off")
    assert integration.inbound_environ({}) is None
    assert integration.outbound(lambda _: ClientRequest("GET", "http", "h", 1, "/"), None) is None
    assert not integration.makes_spans()


@pytest.mark.parametrize("layer", ["environ", "metadata", "raw"])
def test_who_connects_counts_without_any_header_too(layer: str) -> None:
    configure(use_remote_address="1", always_set_request_id_in_response="1")
    peer = "203.0.113.7"
    made: Any
    if layer == "environ":
        made = integration.inbound_environ({"REQUEST_METHOD": "GET", "REMOTE_ADDR": peer})
    elif layer == "metadata":
        made = integration.entered_metadata(
            (), str, lambda _: ("", "", ""), lambda _: peer, None, context.EMPTY
        )
    else:
        made = integration.entered_raw(
            (), lambda _: ("", "", ""), lambda _: peer, None, context.EMPTY
        )
    # From outside, by its address; and its span names it.
    assert (made.edge, made.peer) == (True, peer)
    made.finish(200, 0)
