"""Public agents to compare with, each in an environment of its own, made once and kept.

They are started as their own launchers start them: by the folder that those put on PYTHONPATH.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.variants import ROOT, Variant

# What is measured has to be the same everywhere.
PROGRAM = ("flask", "requests", "urllib3")


class Agent(NamedTuple):
    """A public agent: its packages, its folder for PYTHONPATH, its settings towards a port."""

    packages: Sequence[str]
    folder: str
    settings: Callable[[int], dict[str, str]]


AGENTS = {
    "otel": Agent(
        (
            "opentelemetry-distro",
            "opentelemetry-exporter-otlp-proto-http",
            "opentelemetry-instrumentation-flask",
            "opentelemetry-instrumentation-urllib3",
            "opentelemetry-instrumentation-requests",
        ),
        "opentelemetry/instrumentation/auto_instrumentation",
        lambda port: {
            "OTEL_SERVICE_NAME": "shop",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
            "OTEL_PROPAGATORS": "tracecontext,baggage",
        },
    ),
    "ddtrace": Agent(
        ("ddtrace",),
        "ddtrace/bootstrap",
        lambda port: {
            "DD_SERVICE": "shop",
            "DD_TRACE_AGENT_URL": f"http://127.0.0.1:{port}",
            "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
            "DD_REMOTE_CONFIGURATION_ENABLED": "false",
            "DD_CRASHTRACKING_ENABLED": "false",
            "DD_TRACE_LOG_LEVEL": "CRITICAL",
        },
    ),
}


def variant(name: str, port: int) -> Variant:
    """An agent that samples and sends everything, its environment made if it is missing."""
    agent = AGENTS[name]
    home = ROOT / ".cache" / "benchmarks" / name
    python = home / "bin" / "python"
    if not python.exists():
        subprocess.run((sys.executable, "-m", "venv", str(home)), check=True)
        install = (str(python), "-m", "pip", "install", "--quiet", *agent.packages, *PROGRAM)
        subprocess.run(install, check=True)
    found = next(home.glob(f"lib/python*/site-packages/{agent.folder}"))
    settings = {"PYTHONPATH": str(found), **agent.settings(port)}
    return Variant(f"{name}, sent", settings, str(python))


def versions(name: str) -> str:
    """The agent's version, as it is installed."""
    folder = ROOT / ".cache" / "benchmarks" / name
    package = AGENTS[name].packages[0].replace("-", "_")
    found = next(Path(folder).glob(f"lib/python*/site-packages/{package}-*.dist-info"))
    return found.name.removesuffix(".dist-info").replace("-", " ")
