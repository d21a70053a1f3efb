"""The `autotrace` command: one table of subcommands, each a module with a `main`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from autotrace import __version__

# name: (module, what it is for); a module is imported when its command was asked for
COMMANDS = {
    "run": ("autotrace.cli.run", "run a program and trace it; the same as autotrace-run"),
    "demo": ("autotrace.cli.demo", "trace three small programs and show what came out"),
    "config": ("autotrace.cli.config", "show what a configuration means, or what is wrong with it"),
}
USAGE_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] in ("-h", "--help", "help"):
        print(_help())
        return 0
    if given[0] == "--version":
        print(f"autotrace {__version__}")
        return 0
    if given[0] not in COMMANDS:
        print(
            f"autotrace: no command {given[0]!r}; there are: {', '.join(COMMANDS)}",
            file=sys.stderr,
        )
        return USAGE_ERROR
    module = __import__(COMMANDS[given[0]][0], fromlist=["main"])
    return int(module.main(given[1:]) or 0)


def _help() -> str:
    rows = [f"  {name:<6} {about}" for name, (_, about) in COMMANDS.items()]
    return "\n".join(["usage: autotrace COMMAND ...", "", *rows, "", "--version says which one."])
