"""One pass over the sources of settings: what was found, where, and what was wrong."""

from __future__ import annotations

from autotrace.config.problem import Invalid, Problem, suggest
from autotrace.config.row import PREFIX, default_of, in_words, variable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from dataclasses import Field
    from typing import Any

    from autotrace.config.values import Parse

FILE_VARIABLE = "AUTOTRACE_CONFIG"
_SECRET_NAMES = ("HEADER", "TOKEN", "KEY", "PASSWORD", "SECRET")


class Reader:
    """Reads a table of settings; `found`, `sources` and `problems` hold the result."""

    def __init__(self, rows: Sequence[Field[Any]], environ: dict[str, str]) -> None:
        self.rows = rows
        self.environ = environ
        self.found: dict[str, Any] = {}
        self.sources: dict[str, str] = {}
        self.problems: list[Problem] = []

    def read(self) -> None:
        """Take every setting from each of its sources, the strongest last."""
        path = self.environ.get(FILE_VARIABLE, "").strip()
        file, places = self._file(path) if path else ({}, {})
        for row in self.rows:
            for name, otel_parse in row.metadata["otel"].items():
                self._take(row, name, self.environ.get(name), otel_parse)
            parse = row.metadata["kind"].parse
            if row.name in file:
                place = places.get(row.name, f"{path}: {row.name}")
                self._take(row, place, file[row.name], parse)
            own = variable(row.name)
            self._take(row, own, self.environ.get(own), parse)

    def unknown(self, others: Collection[str], later: Collection[str]) -> None:
        """Complain of AUTOTRACE_* variables that are neither a setting nor among `others`."""
        known = {variable(row.name) for row in self.rows}.union(others)
        for name, value in self.environ.items():
            if not name.startswith(PREFIX) or name in known:
                continue
            if name in later:
                message = "not available in this version; it has no effect."
            else:
                message = f"no such setting; {suggest(name, sorted(known))}"
            secret = any(word in name for word in _SECRET_NAMES)
            self.problems.append(Problem(name, "" if secret else value, message))

    def _take(self, row: Field[Any], source: str, value: object, parse: Parse) -> None:
        """Put one source's value above what the sources before it said."""
        if value is None or (isinstance(value, str) and not value.strip()):
            return  # an empty variable is an unset one, as OpenTelemetry has it
        shown = "" if row.metadata["secret"] else str(value)

        def complain(message: str) -> None:
            self.problems.append(Problem(source, shown, message))

        try:
            self.found[row.name] = parse(value, complain)
        except Invalid as fault:
            stays = in_words(row, self.found.get(row.name, default_of(row)))
            complain(f"{fault} {stays or 'The default'} is used.")
        else:
            self.sources[row.name] = source

    def _file(self, path: str) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the file's settings and their places; what is wrong is complained of."""
        from autotrace.config.file import read

        try:
            found = read(path, self.environ)
        except Invalid as fault:
            self.problems.append(Problem(FILE_VARIABLE, path, f"{fault} The file is not used."))
            return {}, {}
        known = [row.name for row in self.rows]
        for name in found.settings:
            if name not in known:
                message = f"no such setting; {suggest(name, known)}"
                place = found.origins.get(name, f"{path}: {name}")
                self.problems.append(Problem(place, "", message))
        for problem, setting in found.problems:
            if not self._is_given(setting, but_for=found.settings):
                self.problems.append(problem)
        return found.settings, found.origins

    def _is_given(self, setting: str, but_for: Collection[str]) -> bool:
        """Whether variables give what a file lacks; OTEL_* ones are weaker than what it has."""
        names = [variable(setting)]
        if setting not in but_for:
            names += [
                name for row in self.rows if row.name == setting for name in row.metadata["otel"]
            ]
        return any(self.environ.get(name, "").strip() for name in names)
