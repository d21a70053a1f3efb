"""Every way to launch a program traces it, and the program is itself in every other respect."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from autotrace import __version__
from tests.process.processes import BOOTSTRAP, LAUNCHER, ROOT, TRACED, Run, clean_environ

PYTHON = sys.executable
PROGRAM = f"import sys\nprint({TRACED}, *sys.argv[1:])\n"


@pytest.fixture(autouse=True)
def programs(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(PROGRAM)
    script = tmp_path / "script"
    script.write_text(f"#!{PYTHON}\n{PROGRAM}")
    script.chmod(0o755)


FORMS = [
    [PYTHON, "app.py"],
    [PYTHON, "-m", "app"],
    [PYTHON, "-c", PROGRAM],
    ["./script"],
    ["--", PYTHON, "app.py"],
    ["--debug", "--set", "service_name=x", PYTHON, "app.py"],
    ["env", "X=1", PYTHON, "app.py"],
]


@pytest.mark.parametrize("form", FORMS)
def test_autotrace_run_traces(form: list[str], launch: Run) -> None:
    done = launch([*form, "--version", "-x"])
    assert (done.stdout, done.stderr, done.returncode) == ("True --version -x\n", "", 0)


def test_the_run_subcommand_is_the_same(run: Run) -> None:
    command = [PYTHON, "-m", "autotrace", "run", PYTHON, "app.py"]
    assert run(command, {"PYTHONPATH": str(ROOT)}).stdout == "True\n"


@pytest.mark.parametrize("form", FORMS[:4])
def test_pythonpath_alone_traces(form: list[str], run: Run) -> None:
    done = run(form, {"PYTHONPATH": BOOTSTRAP})
    assert (done.stdout, done.stderr, done.returncode) == ("True\n", "", 0)


def test_a_zipapp_is_traced(launch: Run, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "app.pyz", "w") as archive:
        archive.writestr("__main__.py", PROGRAM)
    assert launch([PYTHON, "app.pyz"]).stdout == "True\n"


def test_children_are_traced_unless_told_not_to(launch: Run, tmp_path: Path) -> None:
    (tmp_path / "parent.py").write_text(
        f"import os, subprocess, sys\nprint({TRACED}, os.environ.get('PYTHONPATH'), flush=True)\n"
        "subprocess.run([sys.executable, 'app.py'])\n"
    )
    assert launch([PYTHON, "parent.py"]).stdout == f"True {BOOTSTRAP}\nTrue\n"
    none = {"AUTOTRACE_CHILDREN": "none"}
    assert launch([PYTHON, "parent.py"], none).stdout == "True None\nFalse\n"
    elsewhere = {**none, "PYTHONPATH": "/elsewhere"}
    assert launch([PYTHON, "parent.py"], elsewhere).stdout == "True /elsewhere\nFalse\n"


def test_the_process_is_the_programs() -> None:
    program = "import json, os, sys; print(json.dumps([os.getpid(), sys.orig_argv])); sys.exit(7)"
    command = [PYTHON, "-c", program, "a", "--b"]
    with subprocess.Popen(
        [*LAUNCHER, *command], env=clean_environ(), stdout=subprocess.PIPE
    ) as process:
        out, _ = process.communicate(timeout=60)
    pid, argv = json.loads(out)
    assert (pid, argv, process.returncode) == (process.pid, command, 7)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_signals_reach_the_program(number: signal.Signals) -> None:
    program = "import signal; signal.signal(2, signal.SIG_DFL); print('up', flush=True); input()"
    with subprocess.Popen(
        [*LAUNCHER, PYTHON, "-c", program],
        env=clean_environ(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == b"up\n"
        process.send_signal(number)
        assert process.wait(60) == -number


def test_ignored_signals_are_not_inherited_from_the_launcher(launch: Run) -> None:
    assert launch(["sh", "-c", "kill -PIPE $$"]).returncode == -signal.SIGPIPE


def test_input_and_output_are_the_programs(run: Run) -> None:
    assert run([*LAUNCHER, "cat"], stdin="some text").stdout == "some text"


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        ([], 2, "no command was given; try autotrace-run --help"),
        (["--"], 2, "no command was given; try autotrace-run --help"),
        (["--verbose", "true"], 2, "no option --verbose; try autotrace-run --help"),
        (["--debug=1", "true"], 2, "no option --debug=1; try autotrace-run --help"),
        (["--config"], 2, "--config needs a value; try autotrace-run --help"),
        (["--set", "a", "true"], 2, "--set needs NAME=VALUE, not 'a'; try autotrace-run --help"),
        (["no-such-command"], 127, "no-such-command: command not found"),
        (["./no/such/file"], 127, "./no/such/file: command not found"),
        (
            ["./app.py"],
            126,
            "./app.py: not executable; to run a Python file: autotrace-run python FILE",
        ),
        (["./text"], 126, "./text: neither a binary nor a script with a #! line"),
    ],
)
def test_what_cannot_be_run_is_said_in_one_line(
    arguments: list[str], code: int, line: str, launch: Run, tmp_path: Path
) -> None:
    (tmp_path / "text").write_text("just text")
    (tmp_path / "text").chmod(0o755)
    done = launch(arguments)
    assert (done.stdout, done.stderr, done.returncode) == ("", f"autotrace-run: {line}\n", code)


def test_texts_go_to_stdout(launch: Run) -> None:
    assert launch(["--version"]).stdout == f"autotrace {__version__}\n"
    assert launch(["--print-path"]).stdout == f"{BOOTSTRAP}\n"
    assert launch(["--help"]).stdout.startswith("usage: autotrace-run [options] [--] command")


@pytest.mark.parametrize(
    ("options", "variables"),
    [
        (["--debug"], {"AUTOTRACE_LOG_LEVEL": "debug"}),
        (["--propagate-only"], {"AUTOTRACE_MODE": "propagate"}),
        (["--set", "service_name=a=b"], {"AUTOTRACE_SERVICE_NAME": "a=b"}),
        (["--set=log-level=info"], {"AUTOTRACE_LOG_LEVEL": "info"}),
        (["--set", "AUTOTRACE_ZONE=z"], {"AUTOTRACE_ZONE": "z"}),
        (["--set", "otel_service_name=s"], {"OTEL_SERVICE_NAME": "s"}),
        (["--config", "/a/b.json"], {"AUTOTRACE_CONFIG": "/a/b.json"}),
        (["--debug", "--set", "log_level=error"], {"AUTOTRACE_LOG_LEVEL": "error"}),
    ],
)
def test_options_become_variables(
    options: list[str], variables: dict[str, str], launch: Run
) -> None:
    program = (
        "import json, os; print(json.dumps({name: value for name, value in os.environ.items()"
        " if name.startswith(('AUTOTRACE_', 'OTEL_'))}))"
    )
    assert json.loads(launch([*options, PYTHON, "-c", program]).stdout) == variables


def test_a_relative_configuration_file_becomes_absolute(launch: Run, tmp_path: Path) -> None:
    done = launch(["--config", "a.json", "printenv", "AUTOTRACE_CONFIG"])
    assert done.stdout == f"{tmp_path / 'a.json'}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, [BOOTSTRAP]),
        ("", [BOOTSTRAP]),
        ("/a:/b", [BOOTSTRAP, "/a", "/b"]),
        (f"/a:{BOOTSTRAP}:/b", [BOOTSTRAP, "/a", "/b"]),
        ("/a::/b", [BOOTSTRAP, "/a", "", "/b"]),
    ],
)
def test_the_bootstrap_folder_comes_first_once(
    before: str | None, after: list[str], launch: Run
) -> None:
    done = launch(["printenv", "PYTHONPATH"], {} if before is None else {"PYTHONPATH": before})
    assert done.stdout == os.pathsep.join(after) + "\n"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ([PYTHON, "-I", "app.py"], "Python is started with -I"),
        ([PYTHON, "-bE", "-c", "pass"], "Python is started with -E"),
        (["./isolated"], "Python is started with -S"),
        ([PYTHON, "app.pex"], "a PEX file drops PYTHONPATH"),
        (["./frozen"], "PyInstaller's programs ignore PYTHONPATH"),
    ],
)
def test_a_program_that_ignores_pythonpath_is_run_and_the_reason_said(
    command: list[str], words: str, launch: Run, tmp_path: Path
) -> None:
    (tmp_path / "isolated").write_text(f"#!{PYTHON} -S\n{PROGRAM}")
    with zipfile.ZipFile(tmp_path / "app.pex", "w") as archive:
        archive.writestr("PEX-INFO", "{}")
        archive.writestr("__main__.py", PROGRAM)
    (tmp_path / "frozen").write_bytes(b"#!/bin/sh\nexit 0\n" + b"MEI\x0c\x0b\x0a\x0b\x0e")
    for name in ("isolated", "frozen"):
        (tmp_path / name).chmod(0o755)
    done = launch(command)
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1
    assert f"{command[0]} is run without tracing: {words}" in done.stderr
    assert "autotrace.start()" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "out", "err"),
    [
        (["--version"], 0, "autotrace 0.1.0\n", ""),
        (["nonsense"], 2, "", "autotrace: no command 'nonsense'; there are: run, demo, config\n"),
        (["run", "--nonsense"], 2, "", "autotrace-run: no option --nonsense"),
    ],
)
def test_the_autotrace_command(
    arguments: list[str], code: int, out: str, err: str, run: Run
) -> None:
    done = run([PYTHON, "-m", "autotrace", *arguments], {"PYTHONPATH": str(ROOT)})
    assert (done.returncode, done.stdout) == (code, out)
    assert done.stderr.startswith(err)
