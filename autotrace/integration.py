"""Every verb that an integration uses: begin a call, tell its facts, patch a function.

Integrations see the core through this module only. Before `configure` has run nothing is traced.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Iterable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from autotrace import context, guard
from autotrace.call import Inbound, Outbound
from autotrace.context import CURRENT, Context
from autotrace.core import Core, configured
from autotrace.facts import ClientRequest, Response, ServerRequest
from autotrace.failure import classify
from autotrace.guard import failed, log, site
from autotrace.headers import capture_environ, capture_pairs
from autotrace.patches import Patches
from autotrace.signatures import is_signed

if TYPE_CHECKING:
    from autotrace.config import Config
    from autotrace.export.pipeline import Pipeline
    from autotrace.provider import Place
    from autotrace.span import Span

__all__ = (
    "CURRENT",
    "EXCHANGE",
    "Context",
    "Exchange",
    "Inbound",
    "Outbound",
    "Patches",
    "argument",
    "classify",
    "failed",
    "flush",
    "inbound_environ",
    "inbound_headers",
    "is_serving",
    "is_signed",
    "outbound",
    "carry_baggage",
    "makes_spans",
    "parameters",
    "response_names",
    "serving",
    "served_call",
    "site",
    "story",
    "tell_route",
    "tracer",
)

Subject = TypeVar("Subject")

# The attribute of a connection, and of a response, that holds the exchange in progress.
EXCHANGE = "_autotrace_outbound"

_core: Core | None = None
# The first one counts. Two threads may end the first spans at the same time, and a lock could be
# held at a fork or below a signal handler.
_pipelines: list[Pipeline] = []


def configure(config: Config) -> None:
    """Makes the core ready for calls; the exporters wait for the first span."""
    global _core
    if config.mode == "off":
        _core = None
        return
    _core, problem = configured(config, _finisher(config))
    if problem:
        log("warning", f"AUTOTRACE_PROVIDER={config.provider}: {problem}")


def _finisher(config: Config) -> Callable[[Span], None]:
    """What takes finished spans: the pipeline, built when the first one comes."""
    put: Callable[[Span], None] | None = None
    where = site("export")

    def finish(span: Span) -> None:
        nonlocal put
        if where.off:
            return
        try:
            if put is None:
                put = _build_pipeline(config).put
            put(span)
        except Exception as error:
            failed(where, error)

    return finish


def _build_pipeline(config: Config) -> Pipeline:
    from autotrace.export import pipeline, resource

    if not _pipelines:
        _pipelines.append(pipeline.build(config, resource.Resource.from_config(config)))
    return _pipelines[0]


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
    place = None
    if core.looks:
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        query = environ.get("QUERY_STRING")
        place = (
            environ.get("HTTP_HOST", ""),
            environ.get("REQUEST_METHOD", ""),
            f"{path}?{query}" if query else path,
        )
    return core.inbound(known, place, environ.get("REMOTE_ADDR") if known else "")


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


def is_serving(call: object) -> bool:
    """Whether this very call is being served here and now, by a layer further out.

    A mark alone would not tell: a server, or a test, may use one environ for several requests.
    """
    return call is not None and CURRENT.get().get(context.CALL) is call


def serving(call: Inbound) -> Context:
    """The context in which the application serves a call."""
    span: object = call.span or call
    made: dict[str, object] = {context.CALL: call}
    if not call.core.propagating:
        made[context.SPAN] = span
    if call.baggage is not None:
        made[context.BAGGAGE] = call.baggage
    current = CURRENT.get()
    return Context({**current, **made}) if current else Context(made)


def served_call() -> Inbound | None:
    """The call that is being served here and now."""
    call = CURRENT.get().get(context.CALL)
    return call if type(call) is Inbound else None


def tell_route(span: Span, route: str) -> None:
    """The framework's template of the path, for the span of a request."""
    if isinstance(span.request, ServerRequest):
        span.request.route = route


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


# Outbound.


def outbound(describe: Callable[[Subject], ClientRequest], subject: Subject) -> Outbound | None:
    """Begins an exchange on the wire; None when it is to be left as it is."""
    return None if _core is None else _core.outbound(describe, subject)


def response_names() -> frozenset[str]:
    """The lower-case names of response headers that outbound calls tell."""
    return frozenset() if _core is None else _core.response_names


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


Story = Callable[..., Generator["Exchange | Response", Any, None]]


def story(name: str, tell: Story) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Runs a story around a synchronous function.

    Where the layer on the wire can decide alone, because the inbound call is not recorded, no
    story is told. The function is called once, with its own arguments.
    """
    here = site(name)

    def around(original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def patched(*args: Any, **kwargs: Any) -> Any:
            call: Outbound | None = None
            steps = exchange = None
            try:
                if not here.off and not is_passive():
                    steps = tell(*args, **kwargs)
                    exchange = next(steps)
                    call = outbound(_request, exchange)
                    if call is None or call.on_wire:
                        steps = None
                    else:
                        _begin(call, exchange)
            except Exception as error:
                failed(here, error)
                steps = None
                _forget(call)
            if steps is None or call is None:
                return original(*args, **kwargs)
            try:
                result = original(*args, **kwargs)
            except BaseException as error:
                _broke(here, call, exchange, error)
                raise
            try:
                said = steps.send(result)
                if isinstance(said, Response):
                    call.answered(said)
                steps.close()
            except Exception as error:
                failed(here, error)
            return result

        return patched

    return around


def _request(said: Exchange | Response) -> ClientRequest:
    assert isinstance(said, Exchange), "a story says first what is asked for"
    return said.request


def _begin(call: Outbound, said: Exchange | Response) -> None:
    if isinstance(said, Exchange) and said.connection is not None:
        call.owned_above = True
        setattr(said.connection, EXCHANGE, call)


def _forget(call: Outbound | None) -> None:
    """A call whose facts could not be told makes no span."""
    if call is not None:
        call.span = None


def _broke(
    here: guard.Site, call: Outbound, said: Exchange | Response | None, error: BaseException
) -> None:
    try:
        if isinstance(said, Exchange) and said.connection is not None:
            # It may be used again, by a call that no story is told of.
            setattr(said.connection, EXCHANGE, None)
        call.failed(classify(error, call.on_wire))
    except Exception as fault:
        failed(here, fault)


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
