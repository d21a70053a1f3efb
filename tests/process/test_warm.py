"""A program that uses a library is traced; what is wrong with the agent never stops it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.process.processes import BOOTSTRAP, ROOT, Run

PYTHON = sys.executable
STATUS = (
    "import sys; print(*[state for name, state, _ in"
    " sys.modules['autotrace.activation'].status() if name == 'http_client'])"
)
USES_A_LIBRARY = f"import http.client; print('runs'); {STATUS}"


def test_the_first_library_warms_the_agent(run: Run) -> None:
    done = run([PYTHON, "-c", USES_A_LIBRARY], {"PYTHONPATH": BOOTSTRAP})
    assert (done.stdout, done.stderr) == ("runs\npatched\n", "")


@pytest.mark.parametrize(
    "form", ["import autotrace\nautotrace.start()", "from autotrace import start\nstart()"]
)
@pytest.mark.parametrize("early", ["", "from http.client import HTTPConnection\n"])
def test_start_in_code(form: str, early: str, run: Run) -> None:
    program = (
        f"{early}{form}\nimport http.client\n"
        f"from http.client import HTTPConnection as late\n{STATUS}\n"
        + ("print(HTTPConnection is late)" if early else "print(True)")
    )
    done = run([PYTHON, "-c", program], {"PYTHONPATH": str(ROOT)})
    assert (done.stdout, done.stderr) == ("patched\nTrue\n", "")


def test_start_in_code_under_autotrace_run(launch: Run) -> None:
    done = launch([PYTHON, "-c", f"import autotrace; autotrace.start(); {USES_A_LIBRARY}"])
    assert (done.stdout, done.stderr) == ("runs\npatched\n", "")


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"AUTOTRACE_SERVICE_NAM": "shop"}, ["AUTOTRACE_SERVICE_NAM", "AUTOTRACE_SERVICE_NAME"]),
        ({"AUTOTRACE_CLIENT_SAMPLING": "lots"}, ["AUTOTRACE_CLIENT_SAMPLING", "lots"]),
        ({"AUTOTRACE_PROPAGATORS": "b33"}, ["AUTOTRACE_PROPAGATORS", "b33", "b3"]),
        ({"AUTOTRACE_MODE": "propagat"}, ["AUTOTRACE_MODE", "propagat", "propagate"]),
        ({"AUTOTRACE_CONFIG": "/no/such/file.json"}, ["AUTOTRACE_CONFIG", "/no/such/file.json"]),
    ],
)
def test_a_program_with_broken_configuration_runs(
    variables: dict[str, str], words: list[str], run: Run
) -> None:
    done = run([PYTHON, "-c", USES_A_LIBRARY], {"PYTHONPATH": BOOTSTRAP, **variables})
    assert (done.stdout, done.returncode) == ("runs\npatched\n", 0)
    assert done.stderr.startswith("autotrace: ") and done.stderr.count("\n") == 1
    assert all(word in done.stderr for word in words)


def test_a_broken_configuration_costs_nothing_where_nothing_is_traced(run: Run) -> None:
    variables = {"PYTHONPATH": BOOTSTRAP, "AUTOTRACE_SERVICE_NAM": "shop"}
    done = run([PYTHON, "-c", "print('runs')"], variables)
    assert (done.stdout, done.stderr) == ("runs\n", "")


@pytest.mark.parametrize(
    "text", ["raise ValueError('broken')", "raise SystemExit(3)", "def f(): f()\nf()"]
)
@pytest.mark.parametrize("strict", [False, True])
def test_a_broken_dependency_is_one_line_and_fatal_only_on_request(
    text: str, strict: bool, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "broken" / "opentelemetry").mkdir(parents=True)
    (tmp_path / "broken" / "opentelemetry" / "__init__.py").write_text(text)
    variables = {
        "PYTHONPATH": f"{BOOTSTRAP}:{tmp_path / 'broken'}",
        "AUTOTRACE_STRICT": str(int(strict)),
    }
    done = run([PYTHON, "-c", "import http.client; print('runs')"], variables)
    assert (done.stdout, done.returncode) == (("", 70) if strict else ("runs\n", 0))
    assert done.stderr.startswith("autotrace: cannot trace this program: ")
    assert done.stderr.count("\n") == 1
