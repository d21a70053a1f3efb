"""Instructions a request, counted by valgrind's callgrind, so that no other load matters.

A program says where counting begins anew (`mark`), so that its start and what it does first are
left out. All threads count.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from typing import TypeVar

from benchmarks.cpu import microseconds
from benchmarks.variants import ROOT, Variant

ABSENT = "valgrind is not installed, so nothing is counted; Debian has it: apt-get install valgrind"

Case = TypeVar("Case", bound=Hashable)

_collected = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)


def available() -> bool:
    """Whether valgrind is here."""
    return which("valgrind") is not None


def counted(
    cases: Mapping[Case, tuple[Variant, Sequence[str]]], requests: int
) -> Mapping[Case, int]:
    """The instructions of one request, for each case of a variant and the load's arguments."""

    def one(case: tuple[Variant, Sequence[str]]) -> int:
        variant, arguments = case
        # Writes what Python compiles, which is not to be counted.
        microseconds(variant, 1, arguments)
        load = "benchmarks.load", "--requests", str(requests), *arguments
        _, measured, _ = parts(load, variant.environment(), variant.python)
        return measured // requests

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(cases, pool.map(one, cases.values()), strict=True))


def parts(
    module: Sequence[str], environment: Mapping[str, str], python: str = sys.executable
) -> list[int]:
    """The instructions of a module that is run: up to each of its marks, and from the last one."""
    with TemporaryDirectory() as folder:
        done = subprocess.run(
            (
                *("valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/count"),
                *("--dump-before=getpriority", python, "-m", *module),
            ),
            cwd=ROOT,
            env=environment,
            capture_output=True,
            check=False,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"valgrind failed:\n{done.stderr}")
        # The last part has no number.
        files = [Path(folder, f"count.{n}") for n in range(1, len(os.listdir(folder)))]
        files.append(Path(folder, "count"))
        return [int(_collected.findall(file.read_text())[-1]) for file in files]
