"""The sitecustomize behind ours runs as if ours were not there, and gates keep us out of tools."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from py_compile import compile as compile_file
from typing import Any

import pytest

from tests.process.processes import BOOTSTRAP, ROOT, TRACED, Done, Run, clean_environ

PYTHON = sys.executable
PROGRAM = (
    "import sys; user = sys.modules.get('sitecustomize');"
    "print(getattr(user, '__file__', None), getattr(user, '__path__', None),"
    " getattr(user, '__loader__', None) and type(user.__loader__), vars(user).get('mine'))"
)

Make = Callable[[Path, str], Path]


def as_file(folder: Path, text: str) -> Path:
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(text)
    return folder


def as_package(folder: Path, text: str) -> Path:
    (folder / "sitecustomize").mkdir(parents=True)
    (folder / "sitecustomize" / "__init__.py").write_text(text)
    return folder


def as_pyc_only(folder: Path, text: str) -> Path:
    source = as_file(folder, text) / "sitecustomize.py"
    compile_file(str(source), cfile=str(folder / "sitecustomize.pyc"))
    source.unlink()
    return folder


def as_zip(folder: Path, text: str) -> Path:
    with zipfile.ZipFile(folder, "w") as archive:
        archive.writestr("sitecustomize.py", text)
    return folder


FORMS: list[Make] = [as_file, as_package, as_pyc_only, as_zip]
USERS = {
    "quiet": "mine = 1",
    "printing": "import sys; print('hello', sys.path, __name__, __file__)",
    "changing the path": "import sys; sys.path.insert(0, '/user'); sys.path.append('/last')",
    "exec-like": "import os, sys; os.environ['X'] = 'y'; sys.flag = 1; mine = 2",
    "import error": "import not_there",
    "import error of its own name": "raise ImportError('x', name='sitecustomize')",
    "other error": "raise ValueError('theirs')",
    "removing itself": "import sys; del sys.modules['sitecustomize']",
    "replacing itself": "import sys; sys.modules['sitecustomize'] = sys",
}


def same_with_and_without(run: Run, users: Path, program: str = PROGRAM) -> Done:
    without = run([PYTHON, "-c", program], {"PYTHONPATH": str(users)})
    done = run([PYTHON, "-c", program], {"PYTHONPATH": f"{BOOTSTRAP}:{users}"})
    assert (done.stdout, done.stderr, done.returncode) == (
        without.stdout,
        without.stderr,
        without.returncode,
    )
    return done


@pytest.mark.parametrize("make", FORMS)
@pytest.mark.parametrize("user", USERS)
def test_the_users_own_runs_as_without_us(user: str, make: Make, run: Run, tmp_path: Path) -> None:
    users = make(tmp_path / "users", USERS[user])
    program = PROGRAM.replace("vars(user)", "vars(user or sys)")
    if user == "import error of its own name":
        program = "import sys"  # Python takes it for none: then ours is in sys.modules
    same_with_and_without(run, users, program)


@pytest.mark.parametrize("user", USERS)
def test_the_program_is_traced_whatever_the_users_own_does(
    user: str, run: Run, tmp_path: Path
) -> None:
    users = as_file(tmp_path / "users", USERS[user])
    done = run(
        [PYTHON, "-c", f"import sys; print({TRACED})"], {"PYTHONPATH": f"{BOOTSTRAP}:{users}"}
    )
    assert done.stdout.endswith("True\n")


@pytest.mark.parametrize("make", FORMS)
@pytest.mark.parametrize("text", ["raise SystemExit(3)", "raise KeyboardInterrupt"])
def test_an_exit_in_the_users_own_ends_python_as_without_us(
    text: str, make: Make, run: Run, tmp_path: Path
) -> None:
    users = make(tmp_path / "users", text)
    without = run([PYTHON, "-c", "print(1)"], {"PYTHONPATH": str(users)})
    done = run([PYTHON, "-c", "print(1)"], {"PYTHONPATH": f"{BOOTSTRAP}:{users}"})
    assert (done.stdout, done.returncode) == (without.stdout, without.returncode)
    ours = done.stderr.splitlines()
    assert [line for line in without.stderr.splitlines() if line not in ours] == []


def test_without_another_one_ours_is_in_sys_modules(run: Run) -> None:
    done = run([PYTHON, "-c", PROGRAM], {"PYTHONPATH": BOOTSTRAP})
    assert done.stdout.startswith(f"{BOOTSTRAP}/sitecustomize.py None")
    assert done.stderr == ""


COUNT = "import os; open(os.environ['COUNT'], 'a').write('{name}\\n')\n"
# Two ways in which agents run the sitecustomize that they hide.
LEAVES_THE_PATH = """
import os, sys
here = os.path.dirname(os.path.abspath(__file__))
before = list(sys.path)
sys.path = [entry for entry in sys.path if entry != here]
ours = sys.modules.pop("sitecustomize")
try:
    import sitecustomize
except ImportError:
    sys.modules["sitecustomize"] = ours
sys.path = before
"""
SEARCHES_THE_PATH = """
import os, sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
here = os.path.dirname(os.path.abspath(__file__))
for entry in list(sys.path):
    spec = PathFinder.find_spec("sitecustomize", [entry]) if entry != here else None
    if spec is not None:
        spec.loader.exec_module(module_from_spec(spec))
"""
# One that does not take its folder off the path, so that whoever it runs finds it again.
IMPORTS_EVERYTHING = """
import os, sys
from importlib.machinery import PathFinder
here = os.path.dirname(os.path.abspath(__file__))
others = [entry for entry in sys.path if entry != here]
spec = PathFinder.find_spec("sitecustomize", others)
if spec is not None:
    ours = sys.modules.pop("sitecustomize")
    from importlib.util import module_from_spec
    sys.modules["sitecustomize"] = module = module_from_spec(spec)
    spec.loader.exec_module(module)
"""
# One that looks where we are still named after we have left the path.
SEARCHES_THE_VARIABLE = SEARCHES_THE_PATH.replace(
    "list(sys.path)", "os.environ['PYTHONPATH'].split(os.pathsep)"
)
AGENTS = [LEAVES_THE_PATH, SEARCHES_THE_PATH, IMPORTS_EVERYTHING, SEARCHES_THE_VARIABLE]


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_two_agents_that_both_chain_do_not_loop(
    agent: str, first: str, run: Run, tmp_path: Path
) -> None:
    theirs = as_file(tmp_path / "theirs", COUNT.format(name="theirs") + agent)
    users = as_file(tmp_path / "users", COUNT.format(name="users") + "mine = 1")
    agents = [BOOTSTRAP, str(theirs)] if first == "ours" else [str(theirs), BOOTSTRAP]
    count = tmp_path / "count"
    done = run(
        [PYTHON, "-c", f"import sys; print({TRACED})"],
        {"PYTHONPATH": os.pathsep.join([*agents, str(users)]), "COUNT": str(count)},
    )
    assert (done.stdout, done.stderr) == ("True\n", "")
    counted = count.read_text().split()
    assert counted.count("theirs") == 1
    # An agent that runs each that it finds runs the user's too, after the one that ours ran.
    runs_each = first == "theirs" and agent in (SEARCHES_THE_PATH, SEARCHES_THE_VARIABLE)
    assert counted.count("users") == (2 if runs_each else 1)


@pytest.fixture(scope="module")
def bootstrap() -> dict[str, Any]:
    """The functions of our sitecustomize, which does nothing under another name."""
    return runpy.run_path(str(Path(BOOTSTRAP) / "sitecustomize.py"), run_name="looked_at")


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("python", ""),
        ("python app.py", "app.py"),
        ("python /usr/bin/pip install x", "pip"),
        ("python -m pip install", "pip"),
        ("python -mpip", "pip"),
        ("python -Im pip", "pip"),
        ("python -Impip", "pip"),
        ("python -m pip._internal.cli", "pip"),
        ("python -m", ""),
        ("python -c pip", ""),
        ("python -cpip", ""),
        ("python -W ignore -m pip", "pip"),
        ("python -Wignore -m pip", "pip"),
        ("python -bW ignore app.py", "app.py"),
        ("python -X dev -X utf8 app.py -m pip", "app.py"),
        ("python --check-hash-based-pycs always app.py", "app.py"),
        ("python -OO -u app.py", "app.py"),
        ("python --version", ""),
        ("python - pip", "-"),
        ("python -- pip", "pip"),
    ],
)
def test_the_command_is_read_as_python_reads_it(
    line: str, name: str, bootstrap: dict[str, Any]
) -> None:
    assert bootstrap["command"](line.split()) == name


@pytest.mark.parametrize(
    ("name", "more", "is_tool"),
    [
        ("pip", "", True),
        ("pip3", "", True),
        ("pip3.12", "", True),
        ("pip.exe", "", True),
        ("black", "", True),
        ("venv", "", True),
        ("setup.py", "", True),
        ("autotrace", "", True),
        ("autotrace-run", "", True),
        ("app.py", "", False),
        ("pip.py", "", False),
        ("gunicorn", "", False),
        ("flask", "", False),
        ("", "", False),
        ("", ",", False),
        ("manage.py", "x, manage.py ", True),
        ("worker", "work", False),
    ],
)
def test_tools(name: str, more: str, is_tool: bool, bootstrap: dict[str, Any]) -> None:
    assert bootstrap["is_tool"](name, {"AUTOTRACE_SKIP_COMMANDS": more}) is is_tool


@pytest.mark.parametrize(
    ("command", "variables", "traced"),
    [
        (["pip3"], {}, False),
        (["-m", "tox"], {}, False),
        (["app.py"], {}, True),
        (["-m", "app"], {}, True),
        (["app.py"], {"AUTOTRACE_SKIP_COMMANDS": "other,app.py"}, False),
        (["-m", "app"], {"AUTOTRACE_SKIP_COMMANDS": "app"}, False),
        (["app.py"], {"AUTOTRACE_MODE": " OFF "}, False),
        (["app.py"], {"AUTOTRACE_ENABLED": "0"}, False),
        (["app.py"], {"AUTOTRACE_ENABLED": "true"}, True),
        (["-I", "app.py"], {}, False),
        (["-E", "app.py"], {}, False),
        (["-S", "app.py"], {}, False),
    ],
)
def test_gates(
    command: list[str], variables: dict[str, str], traced: bool, run: Run, tmp_path: Path
) -> None:
    for name in ("pip3", "tox.py", "app.py"):
        (tmp_path / name).write_text(f"import sys; print({TRACED})")
    done = run([PYTHON, *command], {"PYTHONPATH": BOOTSTRAP, **variables})
    assert (done.stdout, done.stderr) == (f"{traced}\n", "")


def test_a_tool_still_has_the_users_sitecustomize(run: Run, tmp_path: Path) -> None:
    users = as_file(tmp_path / "users", "mine = 1")
    (tmp_path / "pip").write_text("import sitecustomize; print(sitecustomize.mine)")
    assert run([PYTHON, "pip"], {"PYTHONPATH": f"{BOOTSTRAP}:{users}"}).stdout == "1\n"


@pytest.mark.parametrize("folder", ["", "."])
def test_the_bootstrap_folder_is_found_under_a_relative_name(
    folder: str, tmp_path: Path, run: Run
) -> None:
    relative = os.path.join(folder, os.path.relpath(BOOTSTRAP, tmp_path))
    done = run(
        [PYTHON, "-c", f"import sys; print({TRACED}, [p for p in sys.path if 'bootstrap' in p])"],
        {"PYTHONPATH": relative},
    )
    assert (done.stdout, done.stderr) == ("True []\n", "")


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder that holds the package as a wheel lays it out."""
    site = tmp_path / "site"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "autotrace", site / "autotrace", ignore=ignore)
    for name in ("bootstrap", "integrations"):
        shutil.copytree(ROOT / name, site / "autotrace" / name, ignore=ignore)
    return site


def test_an_installed_package_elsewhere_is_appended_to_the_path(installed: Path, run: Run) -> None:
    done = run(
        [PYTHON, "-c", f"import sys, autotrace; print({TRACED}, sys.path[-1], autotrace.__path__)"],
        {"PYTHONPATH": str(installed / "autotrace" / "bootstrap")},
    )
    assert done.stdout == f"True {installed} [{str(installed / 'autotrace')!r}]\n"
    assert done.stderr == ""


def test_an_importable_package_leaves_the_path_alone(installed: Path, run: Run) -> None:
    done = run(
        [PYTHON, "-c", f"import sys; print({TRACED}, sys.path.count({str(installed)!r}))"],
        {"PYTHONPATH": f"{installed / 'autotrace' / 'bootstrap'}:{installed}"},
    )
    assert (done.stdout, done.stderr) == ("True 1\n", "")


@pytest.mark.parametrize(
    "text", ["raise ValueError('a\\nfault')", "import not_there", "def install_hook(): 1 / 0"]
)
@pytest.mark.parametrize(("strict", "code"), [("", 0), ("0", 0), ("1", 70), ("true", 70)])
def test_a_fault_of_ours_is_one_line_and_fatal_only_on_request(
    text: str, strict: str, code: int, installed: Path, run: Run
) -> None:
    (installed / "autotrace" / "start.py").write_text(text)
    done = run(
        [PYTHON, "-c", "print('runs')"],
        {"PYTHONPATH": str(installed / "autotrace" / "bootstrap"), "AUTOTRACE_STRICT": strict},
    )
    assert (done.stdout, done.returncode) == ("" if code else "runs\n", code)
    assert done.stderr.startswith("autotrace: did not start: ")
    assert done.stderr.count("\n") == 1


def old_pythons() -> list[Any]:
    """The interpreters that are too old for us; those that are missing are skipped aloud."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = []
    for version in ("2.7", "3.6", "3.7", "3.8", "3.9"):
        paths = sorted(versions.glob(f"{version}.*/bin/python"))
        path = str(paths[-1]) if paths else shutil.which(f"python{version}")
        marks = [] if path else [pytest.mark.skip(f"NO PYTHON {version} ON THIS MACHINE")]
        found.append(pytest.param(path, id=version, marks=marks))
    return found


@pytest.mark.parametrize("python", old_pythons())
def test_an_old_python_runs_unharmed(python: str, tmp_path: Path) -> None:
    users = as_file(tmp_path / "users", "mine = 1")
    text = "import sys; print(sys.modules.get('sitecustomize') is not None, len(sys.modules))"
    mine = "import sitecustomize, sys; print(sitecustomize.mine, sys.path, sys.meta_path)"

    def see(program: str, *path: object) -> tuple[str, str, int]:
        environ = {
            **clean_environ(),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.pathsep.join(map(str, path)),
        }
        done = subprocess.run(
            [python, "-c", program], env=environ, capture_output=True, text=True, timeout=60
        )
        return done.stdout, done.stderr, done.returncode

    assert see(mine, BOOTSTRAP, users) == see(mine, users)
    out, err, code = see(text, BOOTSTRAP)
    assert ("True" in out, err, code) == (True, "", 0)
