"""`python -m benchmarks start`: what the agent adds to the start of a process."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from typing import NamedTuple

from benchmarks import variants
from benchmarks.cpu import Measured, interleaved
from benchmarks.table import table, verdict
from benchmarks.variants import NOTHING, ROOT, Variant

COUNT = "import sys; print(len(sys.modules))"
PROGRAMS = {"pass": "pass", "flask, requests": "import flask, requests"}


class Quantity(NamedTuple):
    """Something that is measured of a start, and how much the agent may add to it."""

    name: str
    program: str
    budget: float


QUANTITIES = (
    Quantity("CPU ms", "pass", 25),
    Quantity("RSS MB", "pass", 5),
    Quantity("modules", "pass", 40),
    Quantity("CPU ms", "flask, requests", 90),
)
Case = tuple[Variant, Quantity]


def measure(rounds: int) -> str:
    """The table of starts."""
    agents = [variants.ALL, variants.PROPAGATE]
    cases: list[Case] = [
        (variant, quantity) for quantity in QUANTITIES for variant in (NOTHING, *agents)
    ]
    measured = interleaved(rounds, cases, _run)
    lines = [_line(variant, quantity, measured) for quantity in QUANTITIES for variant in agents]
    return table(("program", "agent", "", "without", "with", "added", "budget", ""), lines)


def _line(
    variant: Variant, quantity: Quantity, measured: Mapping[Case, Measured]
) -> tuple[str, ...]:
    without = measured[NOTHING, quantity].middle
    with_it = measured[variant, quantity].middle
    return (
        quantity.program,
        "trace" if variant is variants.ALL else variant.name,
        quantity.name,
        f"{without:.1f}",
        f"{with_it:.1f}",
        f"{with_it - without:.1f}",
        *verdict(with_it - without, quantity.budget),
    )


def _run(case: Case) -> float:
    variant, quantity = case
    program = PROGRAMS[quantity.program]
    if quantity.name == "modules":
        program = COUNT
    process = subprocess.Popen(
        (variant.python, "-c", program),
        cwd=ROOT.parent,
        env=variant.environment(),
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    with process.stdout as output:
        printed = output.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{program!r} with {variant.name} ended with {process.returncode}")
    if quantity.name == "modules":
        return float(printed)
    if quantity.name == "RSS MB":
        return used.ru_maxrss / 1024
    return (used.ru_utime + used.ru_stime) * 1000
