"""`python -m tests.vectors FOLDER [--area A] [-v]`: passed and failed vectors by area."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.vectors import registry
from tests.vectors.run import Failure, run, vectors


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a folder and prints the counts; 1 if a vector failed or there is none."""
    parser = argparse.ArgumentParser(prog="python -m tests.vectors", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of vector files")
    parser.add_argument("--area", action="append", help="only this area; may be repeated")
    parser.add_argument("-v", "--verbose", action="store_true", help="show every failure")
    options = parser.parse_args(arguments)
    registry.load()
    passed: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for area, vector in vectors(options.folder):
        if options.area and area not in options.area:
            continue
        failure = run(vector)
        (failed if failure else passed)[area] += 1
        if failure and options.verbose:
            show(failure)
    for area in sorted(passed | failed):
        print(f"{area:24} {passed[area]:4} passed {failed[area]:4} failed")
    print(f"{passed.total()} passed, {failed.total()} failed")
    return 1 if failed or not passed else 0


def show(failure: Failure) -> None:
    """Prints all that is known of a failure."""
    vector = failure.vector
    print(f"{vector['id']} {vector['op']}: {vector['title']}")
    print(f"    given    {vector['given']!r}")
    print(f"    expected {vector['expect']!r}")
    print(f"    got      {failure.got!r}")
    for why in failure.why:
        print(f"    {why}")


if __name__ == "__main__":
    sys.exit(main())
