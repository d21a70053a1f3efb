"""Commands are run in an empty folder, bounded in time, with nothing of the caller's set."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.process import programs
from tests.process.processes import LAUNCHER, Done, Run, clean_environ


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a command in an empty folder with some variables set, and wait for its end."""

    def run(
        command: Sequence[str],
        variables: Mapping[str, str] | None = None,
        stdin: str | None = None,
    ) -> Done:
        return subprocess.run(
            command,
            cwd=tmp_path,
            env={**clean_environ(), **(variables or {})},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


@pytest.fixture
def launch(run: Run) -> Run:
    """Run a command as `autotrace-run` would be run."""

    def launch(command: Sequence[str], variables: Mapping[str, str] | None = None) -> Done:
        return run([*LAUNCHER, *command], variables)

    return launch


@pytest.fixture
def start(tmp_path: Path) -> Iterator[programs.Start]:
    """Start programs in the test's folder, and see to it that none is left."""
    started = []

    def start(
        form: str,
        command: Sequence[str],
        variables: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> programs.Program:
        started.append(programs.start(form, command, tmp_path, variables or {}, pass_fds))
        return started[-1]

    yield start
    for each in started:
        each.kill()
