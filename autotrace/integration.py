"""Every verb that an integration uses: begin a call, tell its facts, patch a function.

Integrations see the core through this module only. Before `configure` has run nothing is traced.
"""

from __future__ import annotations

import inspect
import os
from _thread import get_ident
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from opentelemetry.trace import StatusCode

from autotrace import context, grpc_status, guard
from autotrace.call import Inbound, Outbound
from autotrace.carried import adopted, carried, environment, joined
from autotrace.context import CALL, CURRENT, SPAN, Context
from autotrace.core import Core, configured
from autotrace.facts import ClientRequest, Message, Response, ServerRequest
from autotrace.failure import classify, reason
from autotrace.forks import follow_uwsgi
from autotrace.grpc_status import is_request as is_grpc
from autotrace.guard import failed, log, site
from autotrace.headers import FIRST, NO_HEADERS, capture_bytes, capture_environ, capture_pairs
from autotrace.log_fields import NAMES as LOG_NAMES
from autotrace.log_fields import NOTHING, Fields, fields
from autotrace.log_fields import OTEL_NAMES as LOG_OTEL_NAMES
from autotrace.patches import Patches
from autotrace.response_headers import kept, kept_bytes
from autotrace.signatures import is_signed
from autotrace.span import CONSUMER, Span

if TYPE_CHECKING:
    from autotrace.config import Config
    from autotrace.export.pipeline import Pipeline
    from autotrace.provider import Place

__all__ = (
    "CALL",
    "CURRENT",
    "EXCHANGE",
    "LOG_NAMES",
    "LOG_OTEL_NAMES",
    "Answer",
    "Context",
    "Exchange",
    "Fields",
    "Inbound",
    "Outbound",
    "NO_ROUTE",
    "Patches",
    "Span",
    "apart",
    "argument",
    "async_story",
    "classify",
    "failed",
    "flush",
    "follow_uwsgi",
    "inbound_environ",
    "inbound_headers",
    "inbound_message",
    "is_serving",
    "rejoining",
    "is_signed",
    "outbound",
    "carried_headers",
    "end_message",
    "entered_mapping",
    "entered_metadata",
    "entered_raw",
    "environment",
    "joined",
    "carry_baggage",
    "is_grpc",
    "log_fields",
    "makes_spans",
    "naming",
    "note",
    "notes_instants",
    "parameters",
    "response_headers",
    "response_headers_raw",
    "raising",
    "routed",
    "serving",
    "settings",
    "served_call",
    "session",
    "site",
    "spans_sessions",
    "story",
    "tell_failure",
    "tell_grpc_status",
    "tell_headers",
    "tell_no_route",
    "tell_route",
    "tell_trailers",
    "tracer",
)

Subject = TypeVar("Subject")

# For a route, where the framework has looked for one and found none.
NO_ROUTE = ""

# The attribute of a connection, and of a response, that holds the exchange in progress.
EXCHANGE = "_autotrace_outbound"

_core: Core | None = None
_settings: Config | None = None
# The first one counts. Two threads may end the first spans at the same time, and a lock could be
# held at a fork or below a signal handler.
_pipelines: list[Pipeline] = []


def configure(config: Config) -> None:
    """Makes the core ready for calls; the exporters wait for the first span."""
    global _core, _settings
    _settings = config
    if config.mode == "off":
        _core = None
        return
    _core, problem = configured(config, _finisher(config))
    if problem:
        log("warning", f"AUTOTRACE_PROVIDER={config.provider}: {problem}")
    tracer = _core.tracer
    if tracer is not None and tracer.subscriptions:
        from autotrace.export.polling import beginning

        tracer.begin = beginning(tracer.subscriptions)
    context = adopted(_core, os.environ) if config.child_environment else None
    # Set in any case: a program that looks which context variables a call has finds none added.
    CURRENT.set(CURRENT.get() if context is None else context)


def _finisher(config: Config) -> Callable[[Span], None]:
    """What takes finished spans: the pipeline, built when the first one comes."""
    put: Callable[[Span], None] | None = None
    where = site("export")
    # The garbage collector and signal handlers end spans too, even while this thread imports what
    # the pipeline is made of; these spans wait until it is made.
    waiting: deque[Span] = deque()
    building: set[int] = set()

    def build() -> None:
        nonlocal put
        thread = get_ident()
        if thread in building:
            return
        building.add(thread)
        try:
            put = _build_pipeline(config).put
        finally:
            building.discard(thread)
        while True:
            try:
                span = waiting.popleft()
            except IndexError:
                return
            put(span)

    def finish(span: Span) -> None:
        if where.off:
            return
        try:
            if put is None:
                waiting.append(span)
                build()
            else:
                put(span)
        except Exception as error:
            failed(where, error)

    return finish


def _build_pipeline(config: Config) -> Pipeline:
    from autotrace.export import pipeline, resource

    if not _pipelines:
        _pipelines.append(pipeline.build(config, resource.Resource.from_config(config)))
    return _pipelines[0]


def settings() -> Config | None:
    """The settings by which the core was made."""
    return _settings


def core() -> Core | None:
    """The configured core."""
    return _core


def flush(timeout: float = 2.0) -> None:
    """Delivers what is finished, within `timeout` seconds."""
    if _pipelines:
        _pipelines[0].flush(timeout)


# Inbound.


def inbound_environ(environ: Mapping[str, Any]) -> Inbound | None:
    """Begins the inbound call of a WSGI environ; None when there is nothing to do for it."""
    core = _core
    if core is None:
        return None
    known = capture_environ(environ, core.names)
    if not known and not core.looks and not core.asks_all:
        return core.inbound(known)
    place = None
    if core.looks:
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        query = environ.get("QUERY_STRING")
        place = (
            environ.get("HTTP_HOST", ""),
            environ.get("REQUEST_METHOD", ""),
            f"{path}?{query}" if query else path,
        )
    return core.inbound(known, place, environ.get("REMOTE_ADDR") if known or core.asks_all else "")


def inbound_headers(
    pairs: Iterable[tuple[str, str]], place: Callable[[], Place], peer: str = ""
) -> Inbound | None:
    """Begins the inbound call of a message with these headers, names in any case.

    `place` gives host, method and path with query, and is called only where that is looked at.
    """
    core = _core
    if core is None:
        return None
    return core.inbound(capture_pairs(pairs, core.names), place() if core.looks else None, peer)


def entered_raw(
    pairs: Sequence[tuple[bytes, bytes]],
    place: Callable[[Subject], Place],
    peer: Callable[[Subject], str],
    subject: Subject,
    current: Context,
) -> Inbound | Context | None:
    """The same of headers in bytes, names in any case; of `subject` is read what is asked for.

    Most requests bring nothing that is known and are not recorded. Of those it gives no call but
    the context to serve it in, made of the current one, since there is nothing else to do.
    """
    core = _core
    if core is None:
        return None
    known = capture_bytes(pairs, core.names)
    if not known and not core.looks and not core.asks_all:
        # As `_bare` does, without the steps of a call.
        call = core.inbound(known)
        if call is None or call.span is not None:
            return call
        made: dict[str, object] = {CALL: call, SPAN: call}
        return Context({**current, **made} if current else made)
    return core.inbound(known, place(subject) if core.looks else None, peer(subject))


def entered_mapping(
    keys: Any,
    pairs: Sequence[tuple[bytes, bytes]],
    place: Callable[[Subject], Place],
    peer: Callable[[Subject], str],
    subject: Subject,
    current: Context,
) -> Inbound | Context | None:
    """The same of headers with a view of their keys, a set, that compares them in any case."""
    core = _core
    if core is None:
        return None
    known = NO_HEADERS
    if not keys.isdisjoint(core.names.first):
        known = capture_bytes(pairs, core.names)
    elif not core.looks and not core.asks_all:
        return _bare(core, current)
    return core.inbound(known, place(subject) if core.looks else None, peer(subject))


def entered_metadata(
    metadata: Sequence[tuple[str, Any]],
    text: Callable[[Any], str],
    place: Callable[[Subject], Place],
    peer: Callable[[Subject], str],
    subject: Subject,
    current: Context,
) -> Inbound | Context | None:
    """The same of gRPC's metadata, keys in lower case; `text` makes text of a value."""
    core = _core
    if core is None:
        return None
    known = NO_HEADERS
    if not core.names.lower.isdisjoint(map(FIRST, metadata)):
        known = capture_pairs(metadata, core.names, text)
    elif not core.looks and not core.asks_all:
        return _bare(core, current)
    return core.inbound(known, place(subject) if core.looks else None, peer(subject))


def _bare(core: Core, current: Context) -> Inbound | Context | None:
    """A call with which nothing arrived; where it is not recorded the context to serve it in."""
    call = core.inbound(NO_HEADERS)
    if call is None or call.span is not None:
        return call
    if current:
        return Context({**current, CALL: call, SPAN: call})
    return Context({CALL: call, SPAN: call})


def server_request(
    method: str,
    scheme: str,
    host: str,
    target: str,
    protocol: str,
    peer: str,
    header: Callable[[str, str], str],
) -> ServerRequest:
    """The facts of a request, the rest of them read by `header(name, default)`."""
    length = header("Content-Length", "")
    return ServerRequest(
        method,
        scheme,
        host,
        target,
        protocol,
        peer,
        header("User-Agent", ""),
        int(length) if length.isdecimal() and len(length) < 20 else 0,
        header("x-envoy-downstream-service-cluster", ""),
        header("x-envoy-original-path", ""),
    )


def is_serving(call: object) -> bool:
    """Whether this very call is being served here and now, by a layer further out.

    A mark alone would not tell: a server, or a test, may use one environ for several requests.
    """
    return call is not None and CURRENT.get().get(context.CALL) is call


def serving(call: Inbound) -> Context:
    """The context in which the application serves a call."""
    made: dict[str, object]
    if call.core.propagating:
        made = {CALL: call}
    else:
        made = {CALL: call, SPAN: call.span or call}
        if call.baggage is not None:
            made[context.BAGGAGE] = call.baggage
    current = CURRENT.get()
    return Context({**current, **made}) if current else Context(made)


def apart() -> Context:
    """The current context without the call that is served in it, for one that knows nothing."""
    # Without spans of ours the spans and the baggage are the program's.
    ours = (CALL, SPAN, context.BAGGAGE) if makes_spans() else (CALL,)
    return Context({key: value for key, value in CURRENT.get().items() if key not in ours})


def naming(operation: str) -> Context:
    """The current context, in which exchanges on the wire have this name."""
    return Context({**CURRENT.get(), context.OPERATION: operation})


def rejoining(call: Inbound) -> Context:
    """The current context, which somebody made anew while a call is served, with the call in it."""
    made: dict[str, object] = {**CURRENT.get(), context.CALL: call}
    if not call.core.propagating:
        made.setdefault(context.SPAN, call.span or call)
    if call.baggage is not None:
        made.setdefault(context.BAGGAGE, call.baggage)
    return Context(made)


def served_call() -> Inbound | None:
    """The call that is being served here and now."""
    call = CURRENT.get().get(CALL)
    return call if type(call) is Inbound else None


def notes_instants() -> bool:
    """Whether Envoy's instants (`verbose_events.INSTANTS`) are wanted."""
    return _core is not None and _core.verbose


def spans_sessions() -> bool:
    """Whether a websocket's session is a span too."""
    return _core is not None and _core.spans_sessions


def session(handshake: Context, name: str) -> tuple[Span, Context] | None:
    """Begins the span of what follows a handshake, below its own; the context for it."""
    span = None if _core is None else _core.internal(handshake)
    if not isinstance(span, Span):
        return None
    span.update_name(name)
    return span, Context({**handshake, SPAN: span})


def tell_failure(span: Span, error: Exception) -> None:
    """Tells a span that is no exchange why it failed."""
    span.record_exception(error)
    span.set_status(StatusCode.ERROR, reason(error))


def note(span: Span, instant: str) -> None:
    """Notes one of Envoy's instants, where they are wanted.

    The core notes by itself when a response begins to arrive and ends, and when one was sent.
    """
    if _core is not None and _core.verbose:
        span.note(instant)


def tell_route(span: Span, route: str) -> None:
    """The framework's template of the path, for the span of a request."""
    if isinstance(span.request, ServerRequest):
        span.request.route = route
        span.request.unrouted = False


def tell_no_route(span: Span) -> None:
    """The framework has looked for a route, of its own or below another one, and found none."""
    if isinstance(span.request, ServerRequest):
        span.request.unrouted = True


def tell_grpc_status(span: Span, status: int, message: str) -> None:
    """The status of a gRPC call, and its message unless that is empty."""
    span.grpc = ((str(status), message or None),)


def _never(error: BaseException) -> bool:
    return False


def routed(
    name: str, read: Callable[..., str | None], lost: Callable[[BaseException], bool] = _never
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Tells the route of the request at hand after a function that looks for it.

    `read` finds it in what the function returned, handed to it before the function's arguments:
    NO_ROUTE for none, None where nobody can tell. `lost`: whether it says so by this exception.
    """
    here = site(name)

    def missed(error: BaseException) -> None:
        try:
            call = None if here.off else served_call()
            if call is not None and call.span is not None and lost(error):
                tell_no_route(call.span)
        except Exception as fault:
            failed(here, fault)

    def around(original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def patched(*args: Any, **kwargs: Any) -> Any:
            try:
                found = original(*args, **kwargs)
            except BaseException as error:
                missed(error)
                raise
            try:
                call = None if here.off else served_call()
                if call is not None and call.span is not None:
                    route = read(found, *args, **kwargs)
                    if route:
                        tell_route(call.span, route)
                    elif route is not None:
                        tell_no_route(call.span)
            except Exception as error:
                failed(here, error)
            return found

        return patched

    return around


# Messages, and what is written of a call.


def inbound_message(pairs: Iterable[tuple[str, str]], message: Message) -> Inbound | None:
    """Begins work that a message with these headers asks for, or that nobody asked for.

    Its place is the message's destination, system and name where rules ask for host, method, path.
    """
    core = _core
    if core is None:
        return None
    place = (message.destination, message.system.upper(), message.name) if core.looks else None
    call = core.inbound(capture_pairs(pairs, core.names), place)
    if call is not None and call.span is not None:
        call.span.request = message
        if message.system:
            call.span.kind = CONSUMER
    return call


def end_message(call: Inbound, error: BaseException | None) -> None:
    """The work is over, by `error` if it raised one; what only stops it is no failure."""
    if isinstance(error, Exception):
        if call.span is not None:
            call.span.record_exception(error, escaped=True)
        call.raised(error)
    call.finish(0, 0)


def carried_headers() -> Outbound | None:
    """The headers for a message that is sent here and now, which makes no span."""
    return None if _core is None else carried(_core, CURRENT.get())


def log_fields(context: Context | None = None) -> Fields:
    """Trace id, span id, flags and request id of here and now, empty outside a call."""
    if context is None:
        context = CURRENT.get()
    return fields(context) if context else NOTHING


def raising(
    name: str, read: Callable[..., BaseException | None]
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Tells what the application raised before a function that answers for it.

    `read` finds the error in the function's arguments.
    """
    here = site(name)

    def tell(*args: Any, **kwargs: Any) -> None:
        try:
            call = None if here.off else served_call()
            if call is not None and call.span is not None:
                error = read(*args, **kwargs)
                if error is not None:
                    call.raised(error)
        except Exception as fault:
            failed(here, fault)

    def around(original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def patched(*args: Any, **kwargs: Any) -> Any:
            tell(*args, **kwargs)
            return original(*args, **kwargs)

        @wraps(original)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            tell(*args, **kwargs)
            return await original(*args, **kwargs)

        # Frameworks look which of both it is.
        return awaited if inspect.iscoroutinefunction(original) else patched

    return around


# The program's own spans and baggage.


def makes_spans() -> bool:
    """Whether spans are made at all, and not only headers passed on."""
    return _core is not None and not _core.propagating


def tracer(name: str, version: str | None = None) -> object:
    """An OpenTelemetry tracer whose spans are ours."""
    from autotrace.otel import Tracer

    return Tracer(core, name, version or "")


def carry_baggage(key: str) -> None:
    """From now on the program can read and change baggage, under this key of its context."""
    context.BAGGAGE = key


# Responses, of calls in either direction.


def response_headers(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Those of a response's headers, or trailers, that somebody wants to know."""
    return {} if _core is None else kept(pairs, _core.response_names)


def response_headers_raw(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The same of headers in bytes."""
    return {} if _core is None else kept_bytes(pairs, _core.response_names_raw)


def tell_headers(span: Span, headers: Mapping[str, str]) -> None:
    """What was kept of the headers that a call is answered with."""
    if headers:
        grpc_status.note(span, headers)
        span.response_headers = headers


def tell_trailers(span: Span, trailers: Mapping[str, str]) -> None:
    """What was kept of the trailers."""
    if trailers:
        grpc_status.note(span, trailers)
        span.response_trailers = trailers


# Outbound.


def outbound(describe: Callable[[Subject], ClientRequest], subject: Subject) -> Outbound | None:
    """Begins an exchange on the wire; None when it is to be left as it is."""
    return None if _core is None else _core.outbound(describe, subject)


def is_passive() -> bool:
    """Whether no exchange that began here and now would be recorded: the layer on the wire does
    all that is left to do.
    """
    core = _core
    return core is None or core.is_passive()


class Exchange:
    """What a story says first: the request, and the connection that will carry it.

    A layer below that sees the connection adds the headers and the end of the body.
    """

    __slots__ = ("connection", "request")

    def __init__(self, request: ClientRequest, connection: Any = None) -> None:
        self.request = request
        self.connection = connection


class Answer:
    """What a story of the layer on the wire says last: the response, and what carries its body.

    The exchange stays on that object, to be ended with it; without any it is over.
    """

    __slots__ = ("body", "response")

    def __init__(self, response: Response, body: Any) -> None:
        self.response = response
        self.body = body


# Nothing is said of what will be told by another layer.
Story = Callable[..., Generator["Exchange | Response | Answer | None", Any, None]]
# Puts headers on a message: the call, then the function's arguments; its arguments to go on with.
Put = Callable[..., tuple[Any, ...]]
Arguments = tuple[tuple[Any, ...], dict[str, Any]]


def story(
    name: str, tell: Story, put: Put | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Runs a story around a synchronous function, which is called once, with its own arguments.

    `put` is for the layer on the wire, which adds the headers. Without it no story is told where
    that layer can decide alone, because the inbound call is not recorded.
    """
    here = site(name)

    def around(original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def patched(*args: Any, **kwargs: Any) -> Any:
            try:
                quiet = here.off or (put is None and is_passive())
            except Exception as error:
                failed(here, error)
                quiet = True
            if quiet:
                return original(*args, **kwargs)
            telling, (args, kwargs) = _begin(here, tell, put, (args, kwargs))
            if telling is None:
                return original(*args, **kwargs)
            try:
                result = original(*args, **kwargs)
            except BaseException as error:
                telling.raised(error)
                raise
            telling.returned(result)
            return result

        return patched

    return around


def async_story(
    name: str, tell: Story, put: Put | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Runs the same story around a coroutine function."""
    here = site(name)

    def around(original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        async def patched(*args: Any, **kwargs: Any) -> Any:
            try:
                quiet = here.off or (put is None and is_passive())
            except Exception as error:
                failed(here, error)
                quiet = True
            if quiet:
                return await original(*args, **kwargs)
            telling, (args, kwargs) = _begin(here, tell, put, (args, kwargs))
            if telling is None:
                return await original(*args, **kwargs)
            try:
                result = await original(*args, **kwargs)
            except BaseException as error:
                telling.raised(error)
                raise
            telling.returned(result)
            return result

        return patched

    return around


def _begin(
    here: guard.Site, tell: Story, put: Put | None, arguments: Arguments
) -> tuple[_Telling | None, Arguments]:
    """The half step before the function; a story goes on only where something is recorded."""
    telling: _Telling | None = None
    try:
        args, kwargs = arguments
        telling = _Telling(here, tell, arguments)
        call = telling.call = outbound(_Telling.request, telling)
        if call is None:
            return None, arguments
        if put is not None:
            arguments = put(call, *args, **kwargs), {}
        if call.on_wire:
            return None, arguments
        telling.hand_down()
        return telling, arguments
    except Exception as error:
        failed(here, error)
        if telling is not None and telling.call is not None:
            # A call whose facts could not be told makes no span.
            telling.call.span = None
    return None, arguments


class _Telling:
    """A story while the function that it stands around runs."""

    __slots__ = ("_arguments", "_connection", "_here", "_steps", "_tell", "call")

    _steps: Generator[Any, Any, None]

    def __init__(self, here: guard.Site, tell: Story, arguments: Arguments) -> None:
        self._here = here
        # It begins only where somebody wants to know.
        self._tell = tell
        self._arguments = arguments
        self._connection: Any = None
        self.call: Outbound | None = None

    def request(self) -> ClientRequest:
        """What is asked for, where somebody wants to know."""
        args, kwargs = self._arguments
        self._arguments = ((), {})
        self._steps = self._tell(*args, **kwargs)
        said = next(self._steps)
        assert isinstance(said, Exchange), "a story says first what is asked for"
        self._connection = said.connection
        return said.request

    def hand_down(self) -> None:
        """Leaves the exchange on the connection, for the layer below."""
        if self._connection is not None and self.call is not None:
            self.call.owned_above = True
            setattr(self._connection, EXCHANGE, self.call)

    def returned(self, result: Any) -> None:
        """The half step after the function."""
        try:
            if self.call is not None:
                self._answered(self.call, self._steps.send(result))
            self._steps.close()
        except Exception as error:
            failed(self._here, error)

    def _answered(self, call: Outbound, said: object) -> None:
        if isinstance(said, Answer):
            call.answered(said.response)
            if said.body is None:
                call.end()
            else:
                setattr(said.body, EXCHANGE, call)
        elif isinstance(said, Response):
            call.answered(said)

    def raised(self, error: BaseException) -> None:
        """The half step after a function that raised."""
        try:
            if self._connection is not None:
                # It may be used again, by a call that no story is told of.
                setattr(self._connection, EXCHANGE, None)
            if self.call is not None:
                said = self._thrown(error)
                if isinstance(said, Answer):
                    self._answered(self.call, said)
                else:
                    self.call.failed(classify(error, self.call.on_wire))
        except Exception as fault:
            failed(self._here, fault)

    def _thrown(self, error: BaseException) -> object:
        """What the story says of an exception; most let it pass, and some raise an answer."""
        traceback = error.__traceback__
        try:
            return self._steps.throw(error)
        except BaseException:
            return None
        finally:
            error.__traceback__ = traceback


# Patching.


def argument(
    name: str, parameter: str, index: int, change: Callable[[Any], Any]
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Changes one argument of a method, given by position (from 0, after self) or by name."""
    here = site(name)

    def around(original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def patched(self: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                if not here.off:
                    if parameter in kwargs:
                        kwargs = {**kwargs, parameter: change(kwargs[parameter])}
                    elif len(args) > index:
                        args = (*args[:index], change(args[index]), *args[index + 1 :])
            except Exception as error:
                failed(here, error)
            return original(self, *args, **kwargs)

        return patched

    return around


def parameters(function: Callable[..., Any]) -> frozenset[str]:
    """The names of a function's parameters, to tell versions of a library apart."""
    return frozenset(inspect.signature(function).parameters)
