"""Results as a table of text, and what they were measured on."""

from __future__ import annotations

import os
import platform
import sysconfig
from collections.abc import Sequence
from pathlib import Path


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell; all but the first two flush right."""
    widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(len(heads))]
    lines = [heads, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def verdict(measured: float, budget: float | None) -> tuple[str, str]:
    """The cells of a budget: the number, and whether it was kept."""
    if budget is None:
        return "", ""
    return f"{budget:,.0f}", "ok" if measured <= budget else "over"


def machine() -> str:
    """The processor, the system and the Python, in one line."""
    arguments = sysconfig.get_config_var("CONFIG_ARGS") or ""
    built = ", ".join(
        word for word in ("optimizations", "lto") if f"--enable-{word}" in arguments
    ) or ("without --enable-optimizations" if arguments else "")
    kind = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{_processor()}, {os.cpu_count()} CPUs; {platform.system()}; {kind} ({built})"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()
