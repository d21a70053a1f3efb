"""`python -m benchmarks wsgi`: what one request through Flask costs, in this process alone.

`1 %` is what a hundred requests cost of which one is sampled, so it is reckoned from the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from benchmarks import cpu, instructions, variants
from benchmarks.table import table, verdict
from benchmarks.variants import NOTHING, Variant

# Instructions that tracing may add to one request.
FULL, ONE_PERCENT, PROPAGATING = 150_000, 40_000, 40_000


class Case(NamedTuple):
    """One program that is run: which agent, which request, which client within."""

    variant: Variant
    kind: str = "browser"
    client: str = "none"
    framework: str = "flask"

    def arguments(self, port: int) -> Sequence[str]:
        """The arguments of `benchmarks.load`."""
        what = "--framework", self.framework, "--kind", self.kind, "--client", self.client
        return *what, "--port", str(port)

    def base(self) -> Case:
        """The same without an agent."""
        return self._replace(variant=NOTHING)


class Row(NamedTuple):
    """One line of the table: how its number is put together from cases, and its budget."""

    name: str
    kind: str
    parts: Sequence[tuple[float, Case]]
    budget: float | None = None

    def value(self, values: Mapping[Case, float]) -> float:
        """What a request of this row takes."""
        return sum(share * values[case] for share, case in self.parts)

    def base(self) -> Row:
        """The row without an agent."""
        return self._replace(parts=[(share, case.base()) for share, case in self.parts])

    def added(self, values: Mapping[Case, float]) -> float:
        """What the agent adds to it."""
        return self.value(values) - self.base().value(values)


def single(case: Case, budget: float | None = None, name: str = "") -> Row:
    """A row of one case."""
    return Row(name or case.variant.name, case.kind, [(1, case)], budget)


def budgeted(port: int) -> list[Row]:
    """The rows that have a budget, and those that explain them."""
    rows: list[Row] = []
    exporting = variants.exporting(port)
    for kind, quiet in (("browser", "browser"), ("mesh", "mesh-unsampled")):
        sampled, unsampled = Case(variants.ALL, kind), Case(variants.NONE, quiet)
        carrying = Case(variants.PROPAGATE, kind, "urllib3")
        rows += (
            single(sampled, FULL),
            Row("1 %", kind, [(0.01, sampled), (0.99, unsampled)], ONE_PERCENT),
            single(carrying, PROPAGATING, "propagate, one call by urllib3"),
            single(Case(exporting, kind)),
            single(unsampled)._replace(kind=kind),
            single(Case(variants.PROPAGATE, kind)),
        )
    return rows


def cases(rows: Sequence[Row]) -> list[Case]:
    """Every case that the rows need, those without an agent first."""
    needed = [case for row in rows for _, case in row.parts]
    return list(dict.fromkeys([case.base() for case in needed] + needed))


def count(rows: Sequence[Row], port: int, requests: int) -> str:
    """The table of instructions."""
    values = instructions.counted(
        {case: (case.variant, case.arguments(port)) for case in cases(rows)}, requests
    )
    lines = [
        (
            row.kind,
            row.name,
            f"{row.base().value(values):,.0f}",
            f"{row.added(values):,.0f}",
            *verdict(row.added(values), row.budget),
        )
        for row in rows
    ]
    return table(("request", "agent", "without", "added", "budget", ""), lines)


def clock(rows: Sequence[Row], port: int, requests: int, rounds: int) -> str:
    """The table of CPU time."""
    measured = cpu.interleaved(
        rounds,
        cases(rows),
        lambda case: cpu.microseconds(case.variant, requests, case.arguments(port)),
    )
    values = {case: each.middle for case, each in measured.items()}
    bases = dict.fromkeys(row.parts[0][1].base() for row in rows if len(row.parts) == 1)
    lines = [
        (case.kind, "no agent" + _by(case), f"{values[case]:.1f}", measured[case].spread, "", "")
        for case in bases
    ]
    for row in rows:
        base = row.base().value(values)
        spread = measured[row.parts[0][1]].spread if len(row.parts) == 1 else ""
        lines.append(
            (
                row.kind,
                row.name,
                f"{row.value(values):.1f}",
                spread,
                f"{row.added(values):+.1f}",
                f"{row.added(values) / base:+.0%}",
            )
        )
    return table(("request", "agent", "us CPU", "spread", "added", ""), lines)


def _by(case: Case) -> str:
    return "" if case.client == "none" else f", one call by {case.client}"
