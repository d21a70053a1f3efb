"""Starts autotrace in a process whose PYTHONPATH names this folder.

Python runs this file in every such process, whichever version it is and whatever it was started
for, so it parses on Python 2.7, imports only sys and os, and leaves everything as it was: its
folder goes off sys.path, and the sitecustomize that it hides runs as if this one were not there.
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

# Programs about programs: there is nothing in them to trace, and their output is often parsed.
TOOLS = frozenset((
    "autotrace", "autotrace-run", "black", "build", "compileall", "conda", "cython",
    "easy_install", "ensurepip", "flake8", "flit", "hatch", "idle", "isort", "mamba", "mypy",
    "nox", "pdm", "pip", "pip-compile", "pip-sync", "pipenv", "pipx", "poetry", "pre-commit",
    "py3clean", "py3compile", "py_compile", "pycodestyle", "pydoc", "pyflakes", "pylint",
    "pyright", "ruff", "setup.py", "site", "sysconfig", "tox", "twine", "uv", "venv",
    "virtualenv", "wheel", "_in_process.py",
))


def command(argv):
    """Return what a Python command line runs: the name after -m, or the name of its script."""
    position = 1
    while position < len(argv):
        argument = argv[position]
        if argument == "-" or not argument.startswith("-"):
            return os.path.basename(argument)
        if argument == "--check-hash-based-pycs":
            position += 1
        elif not argument.startswith("--"):
            for index in range(1, len(argument)):
                letter, rest = argument[index], argument[index + 1:]
                if letter == "c":
                    return ""
                if letter == "m":
                    return (rest or "".join(argv[position + 1:position + 2])).split(".")[0]
                if letter in "WX":
                    position += not rest
                    break
        position += 1
    return ""


def is_tool(name, environ):
    """Tell whether a program is one that is never traced; `pip3.12` and `pip.exe` are pip."""
    if name.endswith(".exe"):
        name = name[:-4]
    more = [each.strip() for each in environ.get("AUTOTRACE_SKIP_COMMANDS", "").split(",")]
    return bool(name) and (name in more or name in TOOLS or name.rstrip("0123456789.") in TOOLS)


def is_wanted(environ):
    """Tell whether this process is to be traced."""
    name = getattr(getattr(sys, "implementation", None), "name", "")
    if name not in ("cpython", "pypy") or sys.version_info < (3, 10):
        return False
    if sys.flags.isolated or sys.flags.no_site:
        return False
    if environ.get("AUTOTRACE_MODE", "").strip().lower() == "off":
        return False
    if environ.get("AUTOTRACE_ENABLED", "").strip().lower() in ("0", "false", "no", "off"):
        return False
    return not is_tool(command(sys.orig_argv), environ)


def is_here(entry):
    """Tell whether an entry of a path names this folder."""
    return entry == HERE or bool(entry) and os.path.abspath(entry) == HERE


def leave_children(environ):
    """Keep this folder from the processes that this one starts."""
    entries = environ.get("PYTHONPATH", "").split(os.pathsep)
    others = [entry for entry in entries if not is_here(entry)]
    if others:
        environ["PYTHONPATH"] = os.pathsep.join(others)
    else:
        environ.pop("PYTHONPATH", None)


def running():
    """Return the folders of the sitecustomize files that are being run further up the stack."""
    folders = []
    frame = sys._getframe()
    while frame is not None:
        names = frame.f_globals
        if names.get("__name__") == "sitecustomize" and names is not globals():
            folder = os.path.dirname(os.path.abspath(names.get("__file__", "")))
            is_package = "__path__" in names
            folders.append(os.path.dirname(folder) if is_package else folder)
        frame = frame.f_back
    return folders


def run_next(skipped):
    """Run the sitecustomize that comes after this one, and let its errors out as they are.

    Python's own import does it, so every form that Python knows works. What it leaves in
    sys.modules stays there; without one this module stays, for the import needs an entry.
    """
    ours = sys.modules.pop("sitecustomize", None)
    hidden = [entry for entry in sys.path if entry in skipped]
    for entry in hidden:
        sys.path.remove(entry)
    try:
        import sitecustomize  # noqa: F401
    except ImportError as error:
        if getattr(error, "name", "sitecustomize") != "sitecustomize":
            raise
        sys.modules["sitecustomize"] = ours
    finally:
        sys.path[:0] = hidden


def register():
    """Load the agent's package from beside this folder and install its import hook."""
    parent = os.path.dirname(HERE)
    if os.path.isfile(os.path.join(parent, "start.py")):
        try:
            import autotrace.start
        except ImportError:
            # Not installed where this interpreter looks. Appended, so that the program's own
            # versions of anything that lies there win.
            sys.path.append(os.path.dirname(parent))
            import autotrace.start
    else:
        # A checkout. Its other folders have names that users have too, such as "integrations".
        sys.path.insert(0, parent)
        try:
            import autotrace.start
        finally:
            sys.path.remove(parent)
    autotrace.start.install_hook()


def fault(error, environ):
    """Say in one line that the agent could not start; a user who asked for strictness ends here."""
    try:
        line = "autotrace: did not start: %s: %s" % (type(error).__name__, error)
        os.write(2, (" ".join(line.splitlines()) + "\n").encode("utf-8", "replace"))
    except Exception:
        pass
    if environ.get("AUTOTRACE_STRICT", "").strip().lower() in ("1", "true", "yes", "on"):
        os._exit(70)


def main():
    """Leave the path, run the next sitecustomize, and start the agent even if that one fails."""
    skipped = running()
    if HERE in skipped:
        return  # another agent runs every sitecustomize it finds, and found this one again
    wanted = False
    try:
        sys.path[:] = [entry for entry in sys.path if not is_here(entry)]
        wanted = is_wanted(os.environ)
        if wanted and os.environ.get("AUTOTRACE_CHILDREN", "").strip().lower() == "none":
            leave_children(os.environ)
    except Exception as error:
        fault(error, os.environ)
    try:
        run_next(skipped)
    finally:
        if wanted:
            try:
                register()
            except Exception as error:
                fault(error, os.environ)


if __name__ == "sitecustomize":
    main()
