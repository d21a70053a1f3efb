"""The first line of a program sees what it would see without the agent."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.process.processes import BOOTSTRAP, Run

PYTHON = sys.executable

SNAPSHOT = """
import sys
modules = sorted(sys.modules)
import atexit, gc, json, os, signal, warnings, _thread
name_of = lambda each: getattr(each, "__qualname__", type(each).__qualname__)
print(json.dumps({
    "path": sys.path,
    "argv": sys.argv,
    "orig_argv": sys.orig_argv,
    "flags": list(sys.flags),
    "environ": {name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    "meta_path": [name_of(each) for each in sys.meta_path],
    "path_hooks": [name_of(each) for each in sys.path_hooks],
    "hooks": [sys.excepthook is sys.__excepthook__, sys.displayhook is sys.__displayhook__,
              sys.unraisablehook is sys.__unraisablehook__],
    "cwd": os.getcwd(),
    "filters": [str(each) for each in warnings.filters],
    "atexit": atexit._ncallbacks(),
    "threads": _thread._count(),
    "gc": gc.get_threshold(),
    "recursion": sys.getrecursionlimit(),
    "switch": sys.getswitchinterval(),
    "signals": [str(signal.getsignal(each)) for each in sorted(signal.valid_signals())],
    "descriptors": os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else [],
    "names": sorted(globals()),
    "modules": modules,
}))
"""

# What a program may see of the agent, and nothing else: docs/launching.md.
ADDED_MODULES = {
    "__future__",
    "autotrace",
    "autotrace.import_hook",
    "autotrace.integrations",
    "autotrace.start",
    "sitecustomize",
}
# gevent has to patch these before anybody uses them.
BEFORE_GEVENT = {
    "concurrent.futures",
    "concurrent.futures.thread",
    "grpc",
    "logging",
    "queue",
    "requests",
    "select",
    "selectors",
    "signal",
    "socket",
    "ssl",
    "subprocess",
    "threading",
    "urllib3",
}
FORMS = {
    "script": ["program.py", "a", "-b"],
    "module": ["-m", "program", "a"],
    "code": ["-c", SNAPSHOT, "a"],
    "developer": ["-O", "-X", "dev", "program.py"],
    "safe path": ["-P", "program.py"],
    "no user site": ["-s", "program.py"],
    "folder": ["folder"],
}


def look(run: Run, form: list[str], **variables: str) -> dict[str, Any]:
    done = run([PYTHON, *form], variables)
    assert (done.returncode, done.stderr) == (0, "")
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


@pytest.fixture(autouse=True)
def program(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(SNAPSHOT)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "__main__.py").write_text(SNAPSHOT)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_the_program_sees_the_same_process(form: list[str], run: Run) -> None:
    if "-P" in form and sys.version_info < (3, 11):
        pytest.skip("-P is new in Python 3.11")
    without = look(run, form, PYTHONPATH="/elsewhere")
    with_agent = look(run, form, PYTHONPATH=f"{BOOTSTRAP}:/elsewhere")
    assert with_agent.pop("meta_path") == ["Finder", *without.pop("meta_path")]
    added = set(with_agent.pop("modules")) - set(without.pop("modules"))
    assert added == ADDED_MODULES
    assert with_agent == without


def test_nothing_that_gevent_patches_is_imported(run: Run) -> None:
    seen = set(look(run, FORMS["script"], PYTHONPATH=BOOTSTRAP)["modules"])
    assert not (seen - set(look(run, FORMS["script"])["modules"])) & BEFORE_GEVENT


@pytest.mark.parametrize("variable", ["AUTOTRACE_MODE=off", "AUTOTRACE_ENABLED=false"])
def test_switched_off_only_sitecustomize_is_left(variable: str, run: Run) -> None:
    name, _, value = variable.partition("=")
    without = look(run, FORMS["script"], **{name: value})
    off = look(run, FORMS["script"], PYTHONPATH=BOOTSTRAP, **{name: value})
    assert set(off.pop("modules")) - set(without.pop("modules")) == {"sitecustomize"}
    assert off == without


@pytest.mark.parametrize("name", ["integrations", "bootstrap", "benchmarks", "tests"])
def test_no_folder_of_ours_is_a_package_of_the_programs(name: str, run: Run) -> None:
    done = run([PYTHON, "-c", f"import {name}"], {"PYTHONPATH": BOOTSTRAP})
    assert f"No module named '{name}'" in done.stderr


def test_a_program_may_have_packages_of_those_names(run: Run, tmp_path: Path) -> None:
    for name in ("integrations", "bootstrap", "start", "guard"):
        (tmp_path / f"{name}.py").write_text("print(__name__)")
    program = tmp_path / "uses.py"
    program.write_text("import integrations, bootstrap, start, guard\n")
    done = run([PYTHON, "uses.py"], {"PYTHONPATH": BOOTSTRAP})
    assert (done.stdout, done.stderr) == ("integrations\nbootstrap\nstart\nguard\n", "")


def test_the_interactive_prompt_is_the_same(run: Run) -> None:
    command = [PYTHON, "-i", "-q"]
    with_agent = run(command, {"PYTHONPATH": BOOTSTRAP}, stdin="print(1 + 1)\n")
    without = run(command, stdin="print(1 + 1)\n")
    assert (with_agent.stdout, with_agent.stderr) == (without.stdout, without.stderr)
