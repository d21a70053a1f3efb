"""`autotrace demo`: three small programs, traced, and what came out on the terminal."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from io import TextIOWrapper
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autotrace.cli.demo.tour import Outcome

USAGE = """\
usage: autotrace demo

Starts three small programs on the loopback interface, sends them some requests, and shows each
trace with its headers, hop by hop. NO_COLOR=1 leaves out the colours."""

_USAGE_ERROR = 2
_INTERRUPTED = 128 + signal.SIGINT
_NEEDED = ("flask", "requests", "urllib3")


def main(arguments: Sequence[str] = ()) -> int:
    """Run the demonstration; 1 if a trace is not complete or nothing can be shown."""
    if arguments:
        asked = arguments[0] in ("-h", "--help")
        print(USAGE, file=sys.stdout if asked else sys.stderr)
        return 0 if asked else _USAGE_ERROR
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        names = " ".join(missing)
        return _complain(f"not installed in {sys.prefix}: {names}; pip install {names}")
    from autotrace.cli.demo.program import Failed
    from autotrace.cli.demo.signals import ended_in_order
    from autotrace.cli.demo.tour import tour

    if sys.stderr.isatty():
        print("Starting three programs ...", file=sys.stderr)
    try:
        with ended_in_order():
            outcomes = tour()
    except Failed as error:
        return _complain(str(error))
    except KeyboardInterrupt:
        return _INTERRUPTED
    return _show(outcomes)


def _show(outcomes: Sequence[Outcome]) -> int:
    """Write the page, and the reasons why it is not as it should be."""
    from autotrace.cli.demo.page import Page

    page = Page(shutil.get_terminal_size().columns, _has_colours())
    server = "gunicorn" if find_spec("gunicorn") else "its own server"
    lines = [*page.beginning(server)]
    for number, outcome in enumerate(outcomes, start=1):
        lines += page.request(number, outcome)
    lines += page.end()
    try:
        if isinstance(sys.stdout, TextIOWrapper):
            # A terminal without arrows gets question marks rather than an error.
            sys.stdout.reconfigure(errors="replace")
        print("\n".join(lines), flush=True)
    except BrokenPipeError:
        # The reader has seen enough, as `head` has. Python would complain once more at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    problems = [
        f"request {number}: {outcome.problem}"
        for number, outcome in enumerate(outcomes, start=1)
        if outcome.problem
    ]
    return _complain("; ".join(problems)) if problems else 0


def _has_colours() -> bool:
    # https://no-color.org
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not plain


def _complain(message: str) -> int:
    print(f"autotrace demo: {message}", file=sys.stderr)
    return 1
