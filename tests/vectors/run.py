"""Reads a folder of vectors and puts each to the adapter of its operation."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.vectors import registry
from tests.vectors.compare import differences

Vector = dict[str, Any]


class Failure(NamedTuple):
    """One vector that the product does not fulfil."""

    vector: Vector
    got: object
    why: list[str]


def vectors(folder: Path) -> Iterator[tuple[str, Vector]]:
    """Every vector of a folder with its area, which is the name of its file."""
    for path in sorted(folder.glob("*.json")):
        for vector in json.loads(path.read_text(encoding="utf-8"))["vectors"]:
            yield path.stem, vector


def run(vector: Vector) -> Failure | None:
    """What is wrong about one vector; nothing if it passes."""
    adapter = registry.ADAPTERS.get(vector["op"])
    if adapter is None:
        broken = "".join(f"; {name}: {why}" for name, why in registry.BROKEN.items())
        return Failure(vector, None, [f"no adapter{broken}"])
    try:
        outcome = dict(adapter(copy.deepcopy(vector["given"])))
        why = differences(vector["op"], vector["expect"], outcome)
    except Exception as error:
        return Failure(vector, None, [f"{type(error).__name__}: {error}"])
    return Failure(vector, outcome, why) if why else None
