"""The wheel holds what the folders hold, under the names that a user's process sees."""

from __future__ import annotations

import configparser
import os
import pkgutil
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = {
    "autotrace": "autotrace",
    "bootstrap": "autotrace/bootstrap",
    "examples": "autotrace/examples",
    "integrations": "autotrace/integrations",
}


def sources(folder: str) -> Iterator[Path]:
    """Yield the files of a folder that belong into the package."""
    for path in sorted((ROOT / folder).rglob("*")):
        if path.suffix == ".py" or path.name == "py.typed":
            yield path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a wheel built from a copy, since building leaves files beside the sources."""
    copy = tmp_path_factory.mktemp("source")
    for folder in FOLDERS:
        for path in sources(folder):
            target = copy / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    built = tmp_path_factory.mktemp("wheel")
    # The back end itself: no build front end, so no network.
    code = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", code, str(built)], cwd=copy, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    [path] = built.iterdir()
    return path


def test_the_wheel_has_the_modules_of_the_folders(wheel: Path) -> None:
    expected = {
        f"{package}/{path.relative_to(ROOT / folder).as_posix()}"
        for folder, package in FOLDERS.items()
        for path in sources(folder)
    }
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert found == expected


def test_the_commands_of_the_wheel_exist(wheel: Path) -> None:
    commands = configparser.ConfigParser()
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith("/entry_points.txt")]
        commands.read_string(archive.read(name).decode())
    assert set(commands["console_scripts"]) == {"autotrace", "autotrace-run"}
    for target in commands["console_scripts"].values():
        assert callable(pkgutil.resolve_name(target))


def test_an_unpacked_wheel_keeps_its_folders_to_itself(wheel: Path, tmp_path: Path) -> None:
    """Users have packages named `integrations` and `bootstrap`; ours must not hide them."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = (
        "import importlib.util as u\n"
        "import autotrace, autotrace.integrations\n"
        "print(autotrace.__file__)\n"
        "print(u.find_spec('integrations'), u.find_spec('bootstrap'))\n"
    )
    # -S: an editable install in the environment would answer instead of the wheel.
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        cwd=tmp_path.parent,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [str(tmp_path / "autotrace" / "__init__.py"), "None None"]
