"""The name of a program, read from the command that started it: the service name by default.

| command | name |
|---|---|
| `python shop.py` | `shop` |
| `python -m shop.cli` | `shop.cli` |
| `python src/shop/__main__.py`, `python src/shop` | `shop` |
| `gunicorn shop.app:app`, and the like of uvicorn, hypercorn, waitress-serve | `shop` |
| `gunicorn app:app` | `app` |
| `flask --app shop run`, `FLASK_APP=shop` | `shop` |
| `/usr/bin/shop-worker` | `shop-worker` |
| `python -c ...`, an interactive session | `unknown_service:python` |
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

UNKNOWN = "unknown_service:python"  # OpenTelemetry's name for it

# What says nothing of a program where a better name stands in front of it.
_PLAIN = ("__init__", "__main__", "app", "application", "asgi", "main", "server", "wsgi")
_SERVERS = ("daphne", "granian", "gunicorn", "hypercorn", "uvicorn", "waitress", "waitress-serve")


def program_name(argv: Sequence[str], environ: Mapping[str, str]) -> str:
    """Return what the command is called, from a whole command line (`sys.orig_argv`)."""
    words = _after_interpreter(list(argv))
    if not words:
        return UNKNOWN
    program, arguments = words[0], words[1:]
    short = _stem(program)
    if short in _SERVERS:
        return _served(arguments) or short
    if short == "flask":
        named = _option(arguments, ("-A", "--app")) or environ.get("FLASK_APP", "")
        return _module(_stem(named.partition(":")[0])) or short
    return short or UNKNOWN


def _after_interpreter(words: list[str]) -> list[str]:
    """Return the command without the interpreter and its options; a module counts as a program."""
    if not words or not _is_python(words[0]):
        return words
    position = 1
    while position < len(words):
        word = words[position]
        position += 1
        if word == "--check-hash-based-pycs":
            position += 1
        elif not word.startswith("-") or word == "-":
            return [] if word == "-" else words[position - 1 :]
        elif not word.startswith("--"):
            # Letters may stand together, and the last may hold its argument: -uc, -Xdev, -mflask.
            for index, letter in enumerate(word[1:], start=2):
                if letter == "c":
                    return []
                if letter == "m":
                    return [word[index:], *words[position:]] if word[index:] else words[position:]
                if letter in "WX":
                    position += not word[index:]
                    break
    return []


def _is_python(word: str) -> bool:
    return word.rpartition("/")[2].lower().startswith(("python", "pypy"))


def _stem(path: str) -> str:
    """Return a script's name without folder and ending; `__main__.py` is called as its folder."""
    folder, _, name = path.rstrip("/").rpartition("/")
    stem = name
    for ending in (".py", ".pyw", ".pyz", ".exe"):
        stem = stem.removesuffix(ending)
    return _stem(folder) if stem == "__main__" and folder else stem


def _served(arguments: list[str]) -> str:
    """Return the application's name out of a server's arguments, the one like `module:name`."""
    for word in arguments:
        module, colon, name = word.rpartition("=")[2].partition(":")
        called = name.partition("(")[0]
        if colon and all(part.isidentifier() for part in (*module.split("."), *called.split("."))):
            return _module(module)
    return ""


def _module(name: str) -> str:
    """Return a module's name up to its last telling part: `shop.wsgi` is the shop."""
    package, dot, last = name.rpartition(".")
    return _module(package) if dot and last in _PLAIN else name


def _option(arguments: list[str], names: tuple[str, ...]) -> str:
    for position, word in enumerate(arguments):
        name, equals, text = word.partition("=")
        if name in names:
            return text if equals else "".join(arguments[position + 1 : position + 2])
    return ""
