"""`autotrace-run`: become the program, with our bootstrap folder first on its PYTHONPATH.

The process is replaced, not wrapped: pid, signals, terminal and exit code are the program's.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple, NoReturn

import autotrace
from autotrace.cli.untraceable import reason_why_not

USAGE = """\
usage: autotrace-run [options] [--] command [argument ...]

  --set NAME=VALUE   a setting, by its name or by its AUTOTRACE_ or OTEL_ variable
  --config FILE      the same as AUTOTRACE_CONFIG=FILE
  --propagate-only   hand headers on, make no spans: the same as --set mode=propagate
  --debug            say what is patched: the same as --set log_level=debug
  --print-path       print the folder for PYTHONPATH, for a container's environment
  --version, --help

Options after the command belong to the command."""

# As a shell says it.
NOT_EXECUTABLE = 126
NOT_FOUND = 127
USAGE_ERROR = 2


_FLAGS = {
    "--debug": ("AUTOTRACE_LOG_LEVEL", "debug"),
    "--propagate-only": ("AUTOTRACE_MODE", "propagate"),
}


class Launch(NamedTuple):
    """What a command line asks for: a command and variables to set, or a text to print."""

    command: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    text: str = ""


class UsageError(Exception):
    """A command line that cannot be understood; its text is the line for the user."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Replace this process by the command; returns only where there is nothing to run."""
    try:
        launch = parse(sys.argv[1:] if arguments is None else arguments)
    except UsageError as error:
        return _complain(f"{error}; try autotrace-run --help", USAGE_ERROR)
    if launch.text:
        print(launch.text)
        return 0
    environ = environment(os.environ, launch.variables)
    reason = reason_why_not(launch.command, environ)
    if reason:
        _complain(f"{launch.command[0]} is run without tracing: {reason}", 0)
    try:
        _become(launch.command, environ)
    except FileNotFoundError:
        return _complain(f"{launch.command[0]}: command not found", NOT_FOUND)
    except OSError as error:
        return _complain(f"{launch.command[0]}: {_text(error)}", NOT_EXECUTABLE)


def parse(arguments: Sequence[str]) -> Launch:
    """Read our options up to the command, which is everything from its first word on."""
    variables: list[tuple[str, str]] = []
    rest = list(arguments)
    while rest and rest[0].startswith("-"):
        option, equals, attached = rest.pop(0).partition("=")
        if option == "--" and not equals:
            break
        if option in _FLAGS and not equals:
            variables.append(_FLAGS[option])
        elif option in ("--help", "-h", "--version", "--print-path") and not equals:
            return Launch(text=_answer(option))
        elif option in ("--set", "--config"):
            if not equals and not rest:
                raise UsageError(f"{option} needs a value")
            variables.append(_variable(option, attached if equals else rest.pop(0)))
        else:
            raise UsageError(f"no option {option + equals + attached}")
    if not rest:
        raise UsageError("no command was given")
    return Launch(tuple(rest), tuple(variables))


def environment(environ: Mapping[str, str], variables: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the program's environment: our folder first on PYTHONPATH, and the settings."""
    folder = bootstrap()
    entries = environ.get("PYTHONPATH", "")
    # An empty entry would mean the current folder, so none is made of a variable without value.
    others = [each for each in entries.split(os.pathsep) if each != folder] if entries else []
    return {**environ, "PYTHONPATH": os.pathsep.join([folder, *others]), **dict(variables)}


def bootstrap() -> str:
    """Return the folder of our sitecustomize: in the package, or beside it in a checkout."""
    package = os.path.dirname(os.path.abspath(autotrace.__file__))
    inside = os.path.join(package, "bootstrap")
    return inside if os.path.isdir(inside) else os.path.join(os.path.dirname(package), "bootstrap")


def _answer(option: str) -> str:
    if option == "--print-path":
        return bootstrap()
    return f"autotrace {autotrace.__version__}" if option == "--version" else USAGE


def _variable(option: str, value: str) -> tuple[str, str]:
    if option == "--config":
        # The program may change its folder before it reads the file.
        return "AUTOTRACE_CONFIG", os.path.abspath(value)
    name, equals, value = value.partition("=")
    if not name or not equals:
        raise UsageError(f"--set needs NAME=VALUE, not {name!r}")
    name = name.strip().replace("-", "_").upper()
    return name if name.startswith(("AUTOTRACE_", "OTEL_")) else f"AUTOTRACE_{name}", value


def _become(command: tuple[str, ...], environ: dict[str, str]) -> NoReturn:
    # Python ignores these two for itself, and what is ignored stays so in the next program.
    for name in ("SIGPIPE", "SIGXFSZ"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    os.execvpe(command[0], command, environ)


def _text(error: OSError) -> str:
    if error.errno == errno.ENOEXEC:
        return "neither a binary nor a script with a #! line"
    if error.errno == errno.EACCES:
        return "not executable; to run a Python file: autotrace-run python FILE"
    return f"cannot be executed: {error.strerror}"


def _complain(message: str, code: int) -> int:
    print(f"autotrace-run: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
