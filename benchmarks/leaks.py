"""`python -m benchmarks leaks`: whether requests leave memory behind, in a process of its own each.

What a library leaves behind by itself is in the row without an agent.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from benchmarks import variants
from benchmarks.table import table, verdict
from benchmarks.variants import NOTHING, ROOT, Variant

# MB that all requests after the warm-up may add.
BUDGET = 5
# Frameworks, and the clients by which their views call.
LOADS = (
    ("flask", "none"),
    ("starlette", "none"),
    ("aiohttp", "none"),
    ("grpc", "none"),
    ("grpc.aio", "none"),
    ("flask", "urllib3"),
    ("flask", "httpx"),
    ("flask", "aiohttp"),
    ("flask", "grpc"),
    ("flask", "grpc.aio"),
)


def measure(port: int, requests: int, only: str = "") -> str:
    """The table; views call a server on this port, and spans are sent to it.

    `only`: the rows whose framework and client end so, with a space between.
    """
    agents = NOTHING, variants.exporting(port), variants.exporting_few(port)
    lines = [
        _line(framework, client, agent, port, requests)
        for framework, client in LOADS
        if f"{framework} {client}".endswith(only)
        for agent in agents
    ]
    heads = ("framework", "calls by", "agent", "warm MB", "end MB", "added", "budget", "")
    return table(heads, lines)


def _line(framework: str, client: str, agent: Variant, port: int, requests: int) -> Sequence[str]:
    command = agent.python, "-m", "benchmarks.leaks_load", framework, client, str(port)
    done = subprocess.run(
        (*command, str(requests)),
        cwd=ROOT,
        env=agent.environment(),
        capture_output=True,
        check=True,
        text=True,
    )
    # OpenTelemetry complains so of a context that is left elsewhere than it was entered.
    if any(complaint in done.stderr for complaint in ("Failed to detach context", "autotrace")):
        raise RuntimeError(f"{framework} with {agent.name} said: {done.stderr[-2000:]}")
    warm, end = (int(number) / 2**20 for number in done.stdout.split())
    added = end - warm
    budget = verdict(added, None if agent is NOTHING else BUDGET)
    return framework, client, agent.name, f"{warm:.1f}", f"{end:.1f}", f"{added:+.1f}", *budget
