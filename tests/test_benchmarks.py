"""The benchmarks run and print their tables; what they measure is for people to judge."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(*arguments: str) -> list[str]:
    """The lines that a benchmark prints."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("wsgi", ["no agent", "100 %", "1 %", "unsampled", "propagate"]),
        ("encode", ["OTLP protobuf", "OTLP JSON", "Zipkin JSON", "OTLP protobuf by OpenTelemetry"]),
        ("start", ["pass", "flask, requests"]),
        ("leaks", ["flask", "starlette", "aiohttp", "grpc", "grpc.aio"]),
    ],
)
def test_a_benchmark_prints_its_rows(name: str, rows: list[str]) -> None:
    lines = run(name, "--rounds", "1", "--requests", "512" if name == "encode" else "3")
    for row in rows:
        assert any(row in line for line in lines), row
        assert all(any(c.isdigit() for c in line) for line in lines if row in line)


def test_an_unknown_benchmark_is_refused() -> None:
    with pytest.raises(AssertionError, match="invalid choice"):
        run("nothing")
