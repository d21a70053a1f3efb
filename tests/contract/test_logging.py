"""Every line of a log tells which request it was written for, and nothing else of it changes."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

import loguru
import pytest
import structlog
from werkzeug.serving import make_server

import autotrace
from autotrace import integration
from tests.contract import agent, wire
from tests.contract.agent import Spans
from tests.contract.application import application
from tests.contract.calls import PARENT, SAMPLED, TRACE, UNSAMPLED, within
from tests.contract.servers import ROOT, running
from tests.contract.wire import HOST

REQUEST_ID = "f47ac10b-58cc-9372-a567-0e02b2c3d479"
HEADERS = {**SAMPLED, "x-request-id": REQUEST_ID}
NAMES = ("trace_id", "span_id", "trace_flags", "request_id")


class Kept(logging.Handler):
    """The records that were logged."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def fields(self) -> tuple[str, ...]:
        """Those of the last record."""
        return tuple(getattr(self.records[-1], name) for name in NAMES)


@pytest.fixture
def kept() -> Iterator[Kept]:
    with keeping("contract") as handler:
        yield handler


@contextmanager
def keeping(name: str, handler: Any = None) -> Iterator[Any]:
    handler = handler or Kept()
    logger = logging.getLogger(name)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield handler
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def log(**extra: str) -> None:
    logging.getLogger("contract").info("text", extra=extra or None)


def test_the_fields_are_there_outside_of_a_request_too(spans: Spans, kept: Kept) -> None:
    log()
    assert kept.fields() == ("", "", "", "")


def test_a_line_of_a_request_has_its_ids(spans: Spans, kept: Kept) -> None:
    within(log, HEADERS)
    assert kept.fields() == (TRACE, spans.one()["span_id"], "01", REQUEST_ID)


def test_a_line_of_a_span_of_the_program_has_the_ids_of_that(spans: Spans, kept: Kept) -> None:
    from opentelemetry import trace

    with autotrace.inbound(HEADERS), trace.get_tracer("shop").start_as_current_span("pack"):
        log()
    pack = next(span for span in spans.exactly(2) if span["name"] == "pack")
    assert kept.fields() == (TRACE, pack["span_id"], "01", REQUEST_ID)


def test_a_line_of_a_request_that_is_not_sampled_has_the_ids_that_are_sent_on(
    spans: Spans, kept: Kept
) -> None:
    within(log, {**UNSAMPLED, "x-request-id": REQUEST_ID})
    assert kept.fields() == (TRACE, PARENT, "00", REQUEST_ID)


def test_ids_that_did_not_arrive_are_the_ones_that_calls_carry(kept: Kept) -> None:
    def both() -> dict[str, str]:
        log()
        return autotrace.outbound_headers()

    with agent.traced(random_sampling="0"):
        sent = within(both)
    trace_id, span_id, flags, request_id = kept.fields()
    assert sent["traceparent"] == f"00-{trace_id}-{span_id}-{flags}"
    assert sent["x-request-id"] == request_id


@pytest.mark.parametrize(
    ("headers", "fields"),
    [
        (HEADERS, (TRACE, PARENT, "01", REQUEST_ID)),
        ({"b3": f"{TRACE}-{PARENT}-0"}, (TRACE, PARENT, "00", "")),
        ({"x-request-id": REQUEST_ID}, ("", "", "", REQUEST_ID)),
    ],
    ids=["traceparent", "b3", "request id"],
)
def test_a_line_behind_a_sidecar_has_the_ids_that_pass(
    kept: Kept, headers: dict[str, str], fields: tuple[str, ...]
) -> None:
    with agent.traced(mode="propagate"):
        within(log, headers)
    assert kept.fields() == fields


def test_what_the_program_calls_by_our_names_stays_its_own(spans: Spans, kept: Kept) -> None:
    within(lambda: log(request_id="own", trace_id="own too"), HEADERS)
    assert kept.fields()[0] == "own too"
    assert kept.fields()[3] == "own"


def test_the_program_sees_no_factory_filter_handler_or_class_of_ours(kept: Kept) -> None:
    def seen() -> tuple[object, ...]:
        logger = logging.getLogger("contract")
        factory, kind = logging.getLogRecordFactory(), logging.getLoggerClass()
        return factory, kind, *logger.filters, *logger.handlers, *logging.getLogger().handlers

    before = seen()
    with agent.traced():
        assert seen() == before


def test_a_line_tells_where_it_was_written(spans: Spans, kept: Kept) -> None:
    within(log)
    record = kept.records[-1]
    assert (record.filename, record.funcName) == ("test_logging.py", "log")


def test_an_error_in_a_handler_is_told_as_without_us() -> None:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            try:
                raise ValueError("no format")
            except ValueError:
                self.handleError(record)

    def told() -> list[str]:
        with keeping("contract", Broken()), redirect_stderr(io.StringIO()) as stderr:
            log()
        return stderr.getvalue().partition("Call stack:")[2].splitlines()[-5:]

    without = told()
    with agent.traced():
        assert told() == without


def test_it_can_be_switched_off(kept: Kept) -> None:
    with agent.traced(log_correlation="off"):
        within(log, HEADERS)
    assert not hasattr(kept.records[-1], "trace_id")


def test_formats_made_for_opentelemetrys_own_instrumentation_work(kept: Kept) -> None:
    kept.setFormatter(logging.Formatter("%(otelTraceID)s %(otelSpanID)s %(otelTraceSampled)s"))
    with agent.traced(log_correlation="otel") as spans:
        log()
        within(log, HEADERS)
        span_id = spans.one()["span_id"]
    assert list(map(kept.format, kept.records)) == ["  ", f"{TRACE} {span_id} True"]


def test_formats_change_only_where_it_is_asked_for() -> None:
    class Json(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return json.dumps(
                {"message": record.getMessage(), "trace": record.__dict__["trace_id"]}
            )

    plain, own, bare = Kept(), Kept(), Kept()
    plain.setFormatter(logging.Formatter("%(message)s!"))
    own.setFormatter(Json())

    def lines(**settings: str) -> list[str]:
        with agent.traced(**settings), ExitStack() as stack:
            for each in (plain, own, bare):
                stack.enter_context(keeping("contract", each))
            within(log, HEADERS)
            return [each.format(each.records[-1]) for each in (plain, own, bare)]

    json_line = json.dumps({"message": "text", "trace": TRACE})
    assert lines() == ["text!", json_line, "text"]
    ours = f"{TRACE} text"
    assert lines(log_format="%(trace_id)s %(message)s") == [ours, json_line, ours]


def test_an_error_that_a_server_tells_of_has_the_ids_of_its_request(
    spans: Spans, kept: Kept
) -> None:
    def fail() -> None:
        raise ValueError("no stock")

    try:
        within(fail, HEADERS)
    except ValueError:
        # As gunicorn, waitress and others do, outside of the application.
        logging.getLogger("contract").exception("Error handling request")
    assert kept.fields() == (TRACE, spans.one()["span_id"], "01", REQUEST_ID)


def test_an_error_of_no_request_has_none(spans: Spans, kept: Kept) -> None:
    try:
        raise ValueError("no stock")
    except ValueError:
        logging.getLogger("contract").exception("outside")
    assert kept.fields() == ("", "", "", "")


def test_a_broken_agent_leaves_lines_alone(
    spans: Spans, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(integration, "log_fields", broken)
    log(mine="1")
    assert (kept.records[-1].getMessage(), vars(kept.records[-1])["mine"]) == ("text", "1")
    assert agent.failures() == {"logging": 1}


# Access logs.


def test_a_line_of_werkzeugs_access_log_has_the_ids_of_its_request(spans: Spans) -> None:
    server = make_server(HOST, 0, application)
    with keeping("werkzeug") as kept, running(lambda: server.serve_forever(0.01), server.shutdown):
        wire.request(server.server_port, "/text", list(HEADERS.items()))
        span = spans.one()
    server.server_close()
    assert kept.fields() == (TRACE, span["span_id"], "01", REQUEST_ID)


LOG_CONFIG = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"ids": {"format": "%(trace_id)s %(span_id)s %(request_id)s %(message)s"}},
    "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "ids"}},
    "loggers": {"uvicorn.access": {"handlers": ["out"], "level": "INFO", "propagate": False}},
}
GUNICORN = ["gunicorn", "--access-logfile", "-", "--log-level", "error"]
APPLICATIONS = "tests.contract.application:application"
ASGI = """
async def application(scope, receive, send):
    if scope["type"] == "http":
        if scope["path"] == "/raising":
            raise ValueError("no stock")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"text"})
"""


def _uvicorn(folder: Path) -> list[str]:
    (folder / "asgi_program.py").write_text(ASGI)
    (folder / "log.json").write_text(json.dumps(LOG_CONFIG))
    return ["uvicorn", "asgi_program:application", "--log-config", str(folder / "log.json")]


SERVERS: dict[str, Callable[[Path], list[str]]] = {
    "gunicorn sync": lambda folder: [*GUNICORN, APPLICATIONS],
    "gunicorn gthread": lambda folder: [*GUNICORN, "--threads", "2", APPLICATIONS],
    "uvicorn": _uvicorn,
}


def lines_of(name: str, folder: Path, target: str) -> list[str]:
    """What a server has written of one request, behind the ids of that; it runs by itself."""
    command = [sys.executable, "-m", *SERVERS[name](folder)]
    environ = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    settings = {
        "exporter": "jsonl",
        "jsonl_endpoint": str(folder / "spans"),
        "log_format": "%(trace_id)s %(span_id)s %(request_id)s %(message)s",
    }
    path = [str(ROOT / "bootstrap"), str(folder), str(ROOT)]
    environ |= {**agent.variables(settings), "PYTHONPATH": os.pathsep.join(path)}
    with wire.listen() as listening:
        descriptor = listening.fileno()
        bind = ["--fd", str(descriptor)] if name == "uvicorn" else ["--bind", f"fd://{descriptor}"]
        process = subprocess.Popen(
            [*command, *bind],
            env=environ,
            pass_fds=[descriptor],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            wire.request(listening.getsockname()[1], target, list(HEADERS.items()))
        finally:
            process.terminate()
            said, _ = process.communicate(timeout=30)
    span = json.loads((folder / "spans").read_text().splitlines()[0])
    ids = f"{TRACE} {span['span_id']} {REQUEST_ID} "
    return [line.removeprefix(ids) for line in said.splitlines() if line.startswith(ids)]


@pytest.mark.parametrize("name", SERVERS)
def test_a_line_of_a_servers_access_log_has_the_ids_of_its_request(
    name: str, tmp_path: Path
) -> None:
    (line,) = lines_of(name, tmp_path, "/hello")
    assert "GET /hello HTTP/1.1" in line


@pytest.mark.parametrize("name", SERVERS)
def test_a_servers_line_of_an_error_has_the_ids_of_its_request(name: str, tmp_path: Path) -> None:
    lines = lines_of(name, tmp_path, "/raising")
    assert [line for line in lines if line.startswith(("Error handling request", "Exception in"))]


# Libraries of their own.


def test_an_event_of_structlog_has_the_fields_of_its_request(spans: Spans) -> None:
    with structlog.testing.capture_logs() as events:
        logger = structlog.get_logger()
        logger.info("outside")
        within(lambda: logger.info("inside", a=1), HEADERS)
    ids = {"trace_id": TRACE, "span_id": spans.one()["span_id"], "trace_flags": "01"}
    assert events == [
        {"event": "outside", "log_level": "info"},
        {"event": "inside", "a": 1, "log_level": "info", "request_id": REQUEST_ID, **ids},
    ]


def test_what_structlogs_program_has_bound_stays_its_own(spans: Spans) -> None:
    capture = structlog.testing.LogCapture()
    processors: list[Any] = [structlog.contextvars.merge_contextvars, capture]
    logger = structlog.wrap_logger(structlog.PrintLogger(), processors=processors)

    def write() -> None:
        structlog.contextvars.bind_contextvars(request_id="of a variable")
        logger.bind(trace_id="bound").info("inside", span_id="given")

    within(write, HEADERS)
    structlog.contextvars.clear_contextvars()
    own = {"trace_id": "bound", "span_id": "given", "request_id": "of a variable"}
    assert own.items() <= capture.entries[0].items()


def test_a_line_of_loguru_has_the_fields_of_its_request(spans: Spans) -> None:
    lines: list[str] = []
    format = "{function} {extra[trace_id]} {extra[span_id]} {extra[request_id]} {message}"
    sink = loguru.logger.add(lambda line: lines.append(str(line)), format=format)

    def write() -> None:
        loguru.logger.info("text")
        with loguru.logger.contextualize(trace_id="own"):
            loguru.logger.bind(request_id="bound").opt(depth=0).info("text")

    try:
        write()
        within(write, HEADERS)
    finally:
        loguru.logger.remove(sink)
    span_id = spans.one()["span_id"]
    assert lines == [
        "write    text\n",
        "write own  bound text\n",
        f"write {TRACE} {span_id} {REQUEST_ID} text\n",
        f"write own {span_id} bound text\n",
    ]
