"""Programs that never look at PYTHONPATH, so that `autotrace-run` can say so and what to do."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from zipfile import BadZipFile, ZipFile

_PYTHON = re.compile(r"(?:python|pypy)[0-9.]*(?:\.exe)?")
_ISOLATING = {"I": "-I", "E": "-E", "S": "-S"}
_PYINSTALLER = b"MEI\x0c\x0b\x0a\x0b\x0e"  # the magic of its archive's cookie, near the file's end
_TAIL = 64 * 1024
_REMEDY = "have it import autotrace and call autotrace.start() first"


def reason_why_not(command: Sequence[str], environ: Mapping[str, str]) -> str:
    """Return why a command will ignore PYTHONPATH and what to add to it, or nothing."""
    found = shutil.which(command[0], path=environ.get("PATH"))
    if found is None:
        return ""
    words = [*_interpreter(found), *command[1:]]
    if _PYTHON.fullmatch(os.path.basename(words[0])):
        flag, program = _flag_and_program(words[1:])
        if flag:
            return f"Python is started with {flag}, which ignores PYTHONPATH; {_REMEDY}"
        if _is_pex(program):
            return f"a PEX file drops PYTHONPATH; build it with autotrace inside and {_REMEDY}"
    if _is_frozen(found):
        return f"PyInstaller's programs ignore PYTHONPATH; bundle autotrace and {_REMEDY}"
    return ""


def _interpreter(path: str) -> list[str]:
    """Return a script's `#!` line in words with the script at its end, or the path itself."""
    try:
        with open(path, "rb") as file:
            line = file.readline(512)
    except OSError:
        return [path]
    if not line.startswith(b"#!"):
        return [path]
    words = line[2:].decode("utf-8", "replace").split()
    if words and os.path.basename(words[0]) == "env":
        words = [word for word in words[1:] if word != "-S" and "=" not in word]
    return [*words, path] if words else [path]


def _flag_and_program(arguments: Sequence[str]) -> tuple[str, str]:
    """Return the first option of Python that isolates it, and the file that it runs."""
    position = 0
    while position < len(arguments) and arguments[position].startswith("-"):
        argument = arguments[position]
        position += 1
        if argument.startswith("--"):
            position += argument == "--check-hash-based-pycs"
            continue
        for index, letter in enumerate(argument[1:], 1):
            if letter in _ISOLATING:
                return _ISOLATING[letter], ""
            if letter in "cm":
                return "", ""
            if letter in "WX":
                position += index == len(argument) - 1
                break
    return "", arguments[position] if position < len(arguments) else ""


def _is_pex(path: str) -> bool:
    if os.path.isdir(path):
        return os.path.isfile(os.path.join(path, "PEX-INFO"))
    try:
        with ZipFile(path) as archive:
            return "PEX-INFO" in archive.namelist()
    except (OSError, BadZipFile):
        return False


def _is_frozen(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.path.getsize(path) - _TAIL))
            return _PYINSTALLER in file.read()
    except OSError:
        return False
