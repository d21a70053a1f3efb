"""Databases, caches and queues through OpenTelemetry's instrumentors, which the program never asked
for: their spans are children of the request's, and go out with it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.process import stores
from tests.process.processes import Run
from tests.process.programs import spans_in

PYTHON = sys.executable
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PROGRAM = f"""
import sys
from flask import Flask
store = sys.argv[1]
%s

app = Flask("shop")

@app.get("/")
def index():
    return str(work())

for flag in sys.argv[2:]:
    headers = {{"traceparent": "00-{TRACE}-{PARENT}-" + flag}}
    print(app.test_client().get("/", headers=headers).text)
"""
REDIS = """
import redis
connection = redis.Redis.from_url(store)

def work():
    connection.set("color", "red")
    return connection.get("color").decode()
"""
PSYCOPG = """
import psycopg

def work():
    with psycopg.connect(store) as connection:
        return connection.execute("SELECT 'red'").fetchone()[0]
"""
SQLALCHEMY = """
import sqlalchemy
engine = sqlalchemy.create_engine(store)

def work():
    with engine.connect() as connection:
        return connection.execute(sqlalchemy.text("SELECT 'red'")).scalar()
"""
PIKA = """
import pika
connection = pika.BlockingConnection(pika.URLParameters(store))
channel = connection.channel()
channel.queue_declare("colors")
seen = []

def take(channel, method, properties, body):
    seen.append((body.decode(), properties.headers))
    channel.basic_ack(method.delivery_tag)

channel.basic_consume("colors", take)

def work():
    channel.basic_publish("", "colors", b"red", pika.BasicProperties())
    while not seen:
        connection.process_data_events(1)
    return seen.pop()[0]
"""

# The driver below it has an instrumentor as well.
ONE = {"AUTOTRACE_OTEL_INSTRUMENTORS": "sqlalchemy"}
Store = Callable[[Path], AbstractContextManager[str]]


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    return {
        "AUTOTRACE_EXPORTER": "jsonl",
        "AUTOTRACE_JSONL_ENDPOINT": str(tmp_path / "spans"),
    }


def needs(name: str) -> None:
    """Skips a test without an instrumentor."""
    try:
        found = find_spec(f"opentelemetry.instrumentation.{name}")
    except ModuleNotFoundError:
        found = None
    if found is None:
        pytest.skip(f"opentelemetry-instrumentation-{name} is not installed")


def below(spans: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Kind and name of all spans but the request's, whose children they are."""
    (server,) = [span for span in spans if span["kind"] == "server"]
    assert (server["trace_id"], server["parent_id"]) == (TRACE, PARENT)
    others = [span for span in spans if span is not server]
    assert {span["trace_id"] for span in others} <= {TRACE}
    known = {span["span_id"] for span in spans}
    assert {span["parent_id"] for span in others} <= known
    return [(span["kind"], span["name"]) for span in others]


@pytest.mark.parametrize(
    ("name", "store", "program", "expected"),
    [
        ("redis", stores.redis, REDIS, [("client", "SET"), ("client", "GET")]),
        ("psycopg", stores.postgresql, PSYCOPG, [("client", "SELECT")]),
    ],
)
def test_what_a_request_asks_of_a_store_is_below_it(
    name: str,
    store: Store,
    program: str,
    expected: list[tuple[str, str]],
    launch: Run,
    tmp_path: Path,
    variables: dict[str, str],
) -> None:
    """Of a request that is not sampled nothing is recorded."""
    needs(name)
    (tmp_path / "app.py").write_text(PROGRAM % program)
    with store(tmp_path) as address:
        done = launch([PYTHON, "app.py", address, "00", "01"], variables)
    assert (done.stdout, done.stderr) == ("red\nred\n", "")
    assert below(spans_in(tmp_path / "spans")) == expected


def test_sqlalchemy_has_a_span_each_statement(
    launch: Run, tmp_path: Path, variables: dict[str, str]
) -> None:
    needs("sqlalchemy")
    (tmp_path / "app.py").write_text(PROGRAM % SQLALCHEMY)
    done = launch([PYTHON, "app.py", "sqlite://", "00", "01"], {**variables, **ONE})
    assert (done.stdout, done.stderr) == ("red\nred\n", "")
    assert below(spans_in(tmp_path / "spans")).count(("client", "SELECT")) == 1


def test_a_message_names_the_span_that_sent_it(
    launch: Run, tmp_path: Path, variables: dict[str, str]
) -> None:
    """Whoever takes it continues that trace; this program does it in the same request."""
    needs("pika")
    (tmp_path / "app.py").write_text(PROGRAM % PIKA)
    with stores.rabbitmq(tmp_path) as address:
        done = launch([PYTHON, "app.py", address, "00", "01"], variables)
    assert (done.stdout, done.stderr) == ("red\nred\n", "")
    spans = spans_in(tmp_path / "spans")
    assert {kind for kind, _ in below(spans)} == {"producer", "consumer"}
    (taken,) = [span for span in spans if span["kind"] == "consumer"]
    assert taken["parent_id"] in [s["span_id"] for s in spans if s["kind"] == "producer"]


@pytest.mark.parametrize(
    "settings",
    [
        {"AUTOTRACE_OTEL_INSTRUMENTORS": "none"},
        {"AUTOTRACE_OTEL_INSTRUMENTORS": "redis"},
        {"AUTOTRACE_DISABLED_INTEGRATIONS": "otel_*"},
        {"AUTOTRACE_MODE": "propagate"},
    ],
    ids=str,
)
def test_what_is_not_wanted_is_not_loaded(
    settings: dict[str, str], launch: Run, tmp_path: Path, variables: dict[str, str]
) -> None:
    needs("sqlalchemy")
    loaded = '\nprint("opentelemetry.instrumentation" in sys.modules)'
    (tmp_path / "app.py").write_text(PROGRAM % SQLALCHEMY + loaded)
    done = launch([PYTHON, "app.py", "sqlite://", "01"], {**variables, **settings})
    assert (done.stdout, done.stderr) == ("red\nFalse\n", "")


PEEK = """
@sqlalchemy.event.listens_for(engine, "before_cursor_execute")
def peek(connection, cursor, statement, *rest):
    print("commented" if "/*" in statement else "plain")
"""
OWN = """
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
SQLAlchemyInstrumentor().instrument(enable_commenter=True)
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_program_that_instruments_for_itself_is_heard(
    when: str, launch: Run, tmp_path: Path, variables: dict[str, str]
) -> None:
    """Its options count, nothing is said about ours, and each statement has one span."""
    needs("sqlalchemy")
    own = (OWN if when == "before" else "import sqlalchemy\n" + OWN) + SQLALCHEMY + PEEK
    (tmp_path / "app.py").write_text(PROGRAM % own)
    done = launch([PYTHON, "app.py", "sqlite://", "01"], {**variables, **ONE})
    assert (done.stdout, done.stderr) == ("commented\nred\n", "")
    assert below(spans_in(tmp_path / "spans")).count(("client", "SELECT")) == 1


def fake(folder: Path, name: str, does: str) -> None:
    """An instrumentor that is installed in a folder."""
    package = folder / "opentelemetry" / "instrumentation" / name
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        f"class Made:\n    def instrument(self, **options):\n        {does}\n"
    )
    info = folder / f"instrumentor_of_{name}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: instrumentor-of-{name}\nVersion: 1\n"
    )
    (info / "entry_points.txt").write_text(
        f"[opentelemetry_instrumentor]\n{name} = opentelemetry.instrumentation.{name}:Made\n"
    )


IMPORTING = """
import flask
print("before")
import pymysql
print("after")
"""


def imported(launch: Run, folder: Path, variables: dict[str, str]) -> tuple[str, str]:
    """What a program says that imports a library of that name."""
    (folder / "pymysql.py").touch()
    (folder / "app.py").write_text(IMPORTING)
    done = launch([PYTHON, "app.py"], variables)
    return done.stdout, done.stderr


def test_an_instrumentor_is_loaded_when_its_library_is(
    launch: Run, tmp_path: Path, variables: dict[str, str]
) -> None:
    fake(tmp_path, "pymysql", "print('instrumented')")
    assert imported(launch, tmp_path, variables) == ("before\ninstrumented\nafter\n", "")


def test_those_of_libraries_that_are_traced_anyway_are_not(
    launch: Run, tmp_path: Path, variables: dict[str, str]
) -> None:
    fake(tmp_path, "flask", "print('instrumented')")
    assert imported(launch, tmp_path, variables) == ("before\nafter\n", "")


def test_one_that_fails_is_named_and_the_program_goes_on(
    launch: Run, tmp_path: Path, variables: dict[str, str]
) -> None:
    fake(tmp_path, "pymysql", "raise RuntimeError('no')")
    stdout, stderr = imported(launch, tmp_path, variables)
    assert stdout == "before\nafter\n"
    assert "pymysql" in stderr and "RuntimeError: no" in stderr and stderr.count("\n") == 1


def test_a_name_that_is_none_is_told(
    launch: Run, tmp_path: Path, variables: dict[str, str]
) -> None:
    settings = {**variables, "AUTOTRACE_OTEL_INSTRUMENTORS": "pymsql, redis"}
    _, stderr = imported(launch, tmp_path, settings)
    assert "AUTOTRACE_OTEL_INSTRUMENTORS" in stderr and "did you mean pymysql" in stderr
