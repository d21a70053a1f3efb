"""CPU time, told from the noise of the machine: variants take turns, round after round.

Each run is a process of its own. The median of the rounds counts; the spread beside it says how
much is to be believed.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Hashable, Mapping, Sequence
from statistics import median
from typing import NamedTuple, TypeVar

from benchmarks.variants import ROOT, Variant

Case = TypeVar("Case", bound=Hashable)


class Measured(NamedTuple):
    """The values of one case over all rounds."""

    values: Sequence[float]

    @property
    def middle(self) -> float:
        """The median."""
        return median(self.values)

    @property
    def spread(self) -> str:
        """The least and the most."""
        return f"{min(self.values):.1f}-{max(self.values):.1f}"


def interleaved(
    rounds: int, cases: Sequence[Case], run: Callable[[Case], float]
) -> Mapping[Case, Measured]:
    """Runs A B C A B C ... and gives what each case took."""
    values: dict[Case, list[float]] = {case: [] for case in cases}
    for _ in range(rounds):
        for case in cases:
            values[case].append(run(case))
    return {case: Measured(taken) for case, taken in values.items()}


def microseconds(
    variant: Variant, requests: int, arguments: Sequence[str], load: str = "benchmarks.load"
) -> float:
    """The CPU time of one request of the program that makes them."""
    command = (variant.python, "-m", load, "--requests", str(requests), *arguments)
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=variant.environment(),
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return int(done.stdout) / requests / 1000
