"""Real processes: the environment they get, and how a program tells whether it is traced."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BOOTSTRAP = str(ROOT / "bootstrap")
LAUNCHER = (
    sys.executable,
    "-c",
    f"import sys; sys.path.insert(0, {str(ROOT)!r}); from autotrace.cli.run import main; "
    "sys.exit(main())",
)
# What a program can ask to know whether the agent is in it.
TRACED = "any(type(each).__module__ == 'autotrace.import_hook' for each in sys.meta_path)"

Done = subprocess.CompletedProcess[str]
Run = Callable[..., Done]


def clean_environ() -> dict[str, str]:
    """Return the environment without anything that concerns Python's path or tracing."""
    names = ("AUTOTRACE_", "OTEL_", "PYTHONPATH", "COVERAGE_PROCESS_START")
    return {name: value for name, value in os.environ.items() if not name.startswith(names)}
