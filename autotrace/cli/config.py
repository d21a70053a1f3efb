"""`autotrace config`: what was understood of a configuration, and what is wrong with it.

Of a file alone, as AUTOTRACE_CONFIG would name it; without one, of the environment.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import Field
from typing import Any

from autotrace import config
from autotrace.config.problem import Invalid, Problem, one_line, without_password

USAGE = """\
usage: autotrace config show [FILE]
       autotrace config lint [FILE]

  show   each setting that is not its default, and where it came from
  lint   what is wrong, and what has no effect; exit code 1 where something is wrong

FILE holds settings by their names, or is a file of Envoy's or Istio's; YAML or JSON.
Without FILE: the environment, with the file that AUTOTRACE_CONFIG names."""

FILE_VARIABLE = "AUTOTRACE_CONFIG"
PROBLEM = 1
USAGE_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `show` or `lint` and return the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] in ("-h", "--help"):
        print(USAGE)
        return 0 if given else USAGE_ERROR
    command, *files = given
    if command not in ("show", "lint") or len(files) > 1 or any(f.startswith("-") for f in files):
        print(f"autotrace config: {' '.join(given)!r} is no use of it\n\n{USAGE}", file=sys.stderr)
        return USAGE_ERROR
    environ = _alone(files[0]) if files else dict(os.environ)
    return show(environ) if command == "show" else lint(environ)


def show(environ: Mapping[str, str]) -> int:
    """Print the settings that were given; 1 where the file could not be used."""
    found, problems = config.load(environ)
    for row in config.settings():
        if row.name in found.sources:
            print(one_line(f"{row.name} = {_shown(row, getattr(found, row.name))}"))
            print(one_line(f"    {found.sources[row.name]}"))
    for problem in problems:
        print(problem, file=sys.stderr)
    return PROBLEM if any(each.source == FILE_VARIABLE for each in problems) else 0


def lint(environ: Mapping[str, str]) -> int:
    """Print what is wrong and what has no effect; 1 where something is wrong."""
    _, problems = config.load(environ)
    ignored = _ignored(environ)
    for each in (*problems, *ignored):
        print(each)
    print(f"{_count(len(problems), 'problem')}, {_count(len(ignored), 'ignored field')}")
    return PROBLEM if problems else 0


def _alone(file: str) -> dict[str, str]:
    """Return the environment with a file as the only source of settings."""
    names = {name for row in config.settings() for name in row.metadata["otel"]}
    others = {
        name: value
        for name, value in os.environ.items()
        if name not in names and not name.startswith("AUTOTRACE_")
    }
    return {**others, FILE_VARIABLE: file}


def _ignored(environ: Mapping[str, str]) -> list[Problem]:
    from autotrace.config.file import read

    file = environ.get(FILE_VARIABLE, "").strip()
    try:
        return read(file, environ).ignored if file else []
    except Invalid:
        return []  # which is among the problems


def _shown(row: Field[Any], value: Any) -> str:
    if row.metadata["secret"]:
        return f"(hidden: {', '.join(value)})" if isinstance(value, dict) else "(hidden)"
    is_of_objects = isinstance(value, tuple) and any(isinstance(each, dict) for each in value)
    if isinstance(value, dict) or is_of_objects:
        return json.dumps(value, ensure_ascii=False)
    return without_password(config.in_words(row, value)) or "(nothing)"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
