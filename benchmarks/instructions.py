"""Instructions a request, counted by valgrind's callgrind, so that no other load matters.

A run of N requests is taken from a run of 2N, so that start and end cancel out. All threads count.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from shutil import which
from typing import TypeVar

from benchmarks.cpu import microseconds
from benchmarks.variants import ROOT, Variant

ABSENT = "valgrind is not installed, so nothing is counted; Debian has it: apt-get install valgrind"

Case = TypeVar("Case", bound=Hashable)

_collected = re.compile(r"Collected : (\d+)")


def available() -> bool:
    """Whether valgrind is here."""
    return which("valgrind") is not None


def counted(
    cases: Mapping[Case, tuple[Variant, Sequence[str]]], requests: int
) -> Mapping[Case, int]:
    """The instructions of one request, for each case of a variant and the load's arguments."""

    for variant, arguments in cases.values():
        # Writes what Python compiles, which is not to be counted.
        microseconds(variant, 1, arguments)

    def totals(requests: int) -> list[int]:
        return list(pool.map(lambda case: _total(case[0], case[1], requests), cases.values()))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        once, twice = totals(requests), totals(2 * requests)
    return {
        case: (more - less) // requests for case, less, more in zip(cases, once, twice, strict=True)
    }


def _total(variant: Variant, arguments: Sequence[str], requests: int) -> int:
    """The instructions of a whole process."""
    done = subprocess.run(
        (
            "valgrind",
            "--tool=callgrind",
            f"--callgrind-out-file={os.devnull}",
            variant.python,
            "-m",
            "benchmarks.load",
            "--requests",
            str(requests),
            *arguments,
        ),
        cwd=ROOT,
        env=variant.environment(),
        capture_output=True,
        check=False,
        text=True,
    )
    found = _collected.search(done.stderr)
    if done.returncode or found is None:
        raise RuntimeError(f"valgrind failed:\n{done.stderr}")
    return int(found[1])
