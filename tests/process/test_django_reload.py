"""Django's development server, with its reloader and without, in a program of one file."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.process.programs import Program, Start, ask_often, distinct, spans_in

pytest.importorskip("django")

PROGRAM = """
import sys
from django.conf import settings
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["*"], DEBUG=True, ROOT_URLCONF=__name__, SECRET_KEY="s", %s
)
urlpatterns = [path("", lambda request: HttpResponse("version 1"))]
application = get_wsgi_application()

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
"""
# With an application of the program's own, and with the static files of an installed one.
FORMS = {
    "plain": "",
    "own": 'WSGI_APPLICATION="__main__.application"',
    "static": 'INSTALLED_APPS=["django.contrib.staticfiles"], STATIC_URL="static/"',
}


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    # So long that only the end of a process sends anything.
    return {
        "AUTOTRACE_EXPORTER": "jsonl",
        "AUTOTRACE_JSONL_ENDPOINT": str(tmp_path / "spans"),
        "AUTOTRACE_TAGS": "otel",
        "OTEL_BSP_SCHEDULE_DELAY": "60000",
    }


def port_of(program: Program) -> int:
    """Where Django says it serves."""
    found = re.search(r":(\d+)/", program.says("development server at http"))
    assert found is not None
    return int(found[1])


@pytest.mark.parametrize("form", FORMS)
def test_the_development_server(
    form: str, start: Start, tmp_path: Path, variables: dict[str, str]
) -> None:
    (tmp_path / "app.py").write_text(PROGRAM % FORMS[form])
    command = [sys.executable, "app.py", "runserver", "--noreload", "0"]
    program = start("PYTHONPATH", command, variables)
    replies = ask_often(port_of(program), 30)
    assert {(reply.status, reply.body) for reply in replies} == {(200, b"version 1")}
    program.interrupt()
    spans = spans_in(tmp_path / "spans")
    assert (len(spans), distinct(spans, "span_id"), program.ours()) == (30, 30, [])
    assert {span["tags"]["http.route"] for span in spans} == {"/"}


@pytest.mark.parametrize("form", ["autotrace-run", "PYTHONPATH"])
def test_the_reloader(form: str, start: Start, tmp_path: Path, variables: dict[str, str]) -> None:
    code = PROGRAM % FORMS["static"]
    (tmp_path / "app.py").write_text(code)
    program = start(form, [sys.executable, "app.py", "runserver", "0"], variables)
    assert {reply.body for reply in ask_often(port_of(program), 10)} == {b"version 1"}
    code = code.replace("version 1", "version 22")
    program.sees(tmp_path / "app.py", code, "changed, reloading")
    assert {reply.body for reply in ask_often(port_of(program), 10)} == {b"version 22"}
    # As a terminal does: to the reloader and to the server that it runs.
    program.interrupt()
    spans = spans_in(tmp_path / "spans")
    assert (len(spans), distinct(spans, "span_id")) == (20, 20)
    # Its folder has our name.
    assert not [line for line in program.lines if line.startswith("autotrace:")]
