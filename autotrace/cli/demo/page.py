"""The demonstration's result as text: for each request its trace and its headers, hop by hop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from textwrap import wrap
from typing import Any

from autotrace.cli.demo.flow import Cell, Row, first_seen, rows
from autotrace.cli.demo.tour import HOPS, SERVICES, Outcome
from autotrace.export.waterfall import SERVICE_COLOURS, from_zipkin, waterfall

_BOLD, _DIM = 1, 2
_COLOURS = {"you": 32, **dict(zip(SERVICES, SERVICE_COLOURS, strict=False))}
_MARGIN = "  "
_NAMES = 17
# "stock → prices" and the like, the narrowest that a hop's column may be.
_NARROWEST = (12, 12, 14, 14)
NARROWEST = len(_MARGIN) + _NAMES + sum(_NARROWEST) + len(_NARROWEST) * 2
_WIDEST = 110
_ABSENT = "·"

_PROGRAMS = (
    ("shop", "Flask and requests"),
    ("stock", "a bare WSGI callable and http.client"),
    ("prices", "Flask and urllib3 in a thread pool"),
)

_NEXT = (
    (
        "autotrace-run --set exporter=console python app.py",
        "your own program, with its traces on this terminal",
    ),
    (
        "autotrace-run gunicorn app:app",
        "its spans by OTLP to http://localhost:4318",
    ),
    (
        "autotrace-run --propagate-only gunicorn app:app",
        "beside an Envoy or Istio sidecar: headers flow, no span is made",
    ),
)


class Page:
    """How wide the text may be, and whether it may have colours."""

    def __init__(self, width: int, colours: bool) -> None:
        self._width = min(max(width, NARROWEST), _WIDEST)
        self._colours = colours
        spare = (self._width - NARROWEST) // len(HOPS)
        self._columns = tuple(column + spare for column in _NARROWEST)
        # A traceparent is two ids and four characters more.
        self._digits = min(8, (self._columns[0] - 4) // 2)

    def beginning(self, server: str) -> Iterable[str]:
        """What runs here; `server` is what the shop runs under."""
        yield self._paint("Three programs without a line of tracing code, traced", _BOLD)
        yield ""
        for name, about in _PROGRAMS:
            under = f", under {server}" if name == "shop" else ""
            yield f"{_MARGIN}{self._of(name, name.ljust(7))} {about}{under}"
        yield ""
        whose = "; their colour says who made them" if self._colours else ""
        yield from self._text(
            "Each is started by autotrace-run and sends its spans to a receiver in this process. "
            "A relay in front of each notes what is on the wire. Ids are cut to their first "
            f"digits{whose}. prices calls stock twice, at the same time."
        )

    def request(self, number: int, outcome: Outcome) -> Iterable[str]:
        """One request: what it is for, its trace, its headers."""
        case = outcome.case
        title = f"{number} {case.title} "
        yield ""
        yield self._paint(title + "─" * (self._width - len(title)), _BOLD)
        yield from self._text(case.about)
        yield ""
        if outcome.spans:
            plain = [_readable(from_zipkin(span), outcome.names) for span in outcome.spans]
            inner = self._width - len(_MARGIN)
            yield from (
                _MARGIN + line for line in waterfall(plain, inner, self._colours, self._digits)
            )
        else:
            yield _MARGIN + self._paint("no span in any of the three", _DIM)
        yield ""
        yield from self._headers(outcome)
        if case.fields and outcome.spans:
            yield ""
            yield from self._fields(outcome)

    def end(self) -> Iterable[str]:
        """What to try next."""
        title = "Next "
        yield ""
        yield self._paint(title + "─" * (self._width - len(title)), _BOLD)
        for command, about in _NEXT:
            yield f"{_MARGIN}{command}"
            yield f"{_MARGIN}    {self._paint(about, _DIM)}"
        yield ""
        yield f"{_MARGIN}Read on in docs/spans.md, docs/propagate-mode.md, docs/configuration.md"

    def _headers(self, outcome: Outcome) -> Iterable[str]:
        table = rows(outcome.hops, self._digits)
        makers = {identity: HOPS[hop][0] for identity, hop in first_seen(table).items() if identity}
        heads = []
        for (caller, called), hop, width in zip(HOPS, outcome.hops, self._columns, strict=True):
            arrow = "⇉" if len(hop) > 1 else "→"
            text = f"{caller} {arrow} {called}"
            painted = f"{self._of(caller, caller)} {arrow} {self._of(called, called)}"
            heads.append(painted + " " * (width - len(text)))
        yield self._line("", heads)
        for row in table:
            yield from self._row(row, makers)

    def _row(self, row: Row, makers: Mapping[str, str]) -> Iterable[str]:
        if row.unchanged and len(row.hops[0][0].text) > self._columns[0]:
            cell = row.hops[0][0]
            room = self._width - len(_MARGIN) - _NAMES - 2
            note = "  on every hop"
            value = self._pieces(cell, room - len(note), makers)
            yield self._line(row.name, [value + self._paint(note, _DIM)])
            return
        # Requests of one hop are shown one below the other where they differ.
        hops = [tuple(dict.fromkeys(hop)) for hop in row.hops]
        for number in range(max(map(len, hops))):
            cells = []
            for hop, width in zip(hops, self._columns, strict=True):
                if number < len(hop):
                    text = self._pieces(hop[number], width, makers)
                    cells.append(text + " " * (width - min(width, len(hop[number].text))))
                else:
                    absent = "" if number else _ABSENT
                    cells.append(self._paint(absent, _DIM) + " " * (width - len(absent)))
            yield self._line("" if number else row.name, cells)

    def _line(self, name: str, cells: Sequence[str]) -> str:
        return "  ".join((_MARGIN + _cut(name, _NAMES).ljust(_NAMES), *cells)).rstrip()

    def _pieces(self, cell: Cell, width: int, makers: Mapping[str, str]) -> str:
        """A value in the colours of its makers, cut to a width."""
        cut = len(cell.text) > width
        room = width - cut
        text = []
        for piece in cell.pieces:
            text.append(self._of(makers.get(piece.identity, ""), piece.text[:room]))
            room = max(0, room - len(piece.text))
        return "".join(text) + "…" * cut

    def _fields(self, outcome: Outcome) -> Iterable[str]:
        first = next(span for span in outcome.spans if span["kind"] == "SERVER" and _is_shop(span))
        tags = first["tags"]
        found = [
            f"{name}={value}"
            for name, value in tags.items()
            if any(fnmatchcase(name, pattern) for pattern in outcome.case.fields)
        ]
        label = "fields of " + first["id"][: self._digits]
        indent = _MARGIN + " " * (_NAMES + 2)
        lines = wrap(
            "  ".join(found),
            self._width - len(indent),
            break_long_words=False,
            break_on_hyphens=False,
        )
        for number, line in enumerate(lines):
            yield (self._line(label, [line]) if not number else indent + line)

    def _text(self, text: str) -> Iterable[str]:
        return (_MARGIN + line for line in wrap(text, self._width - len(_MARGIN)))

    def _of(self, service: str, text: str) -> str:
        return self._paint(text, _COLOURS[service]) if service in _COLOURS else text

    def _paint(self, text: str, colour: int) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colours and text else text


def _is_shop(span: Mapping[str, Any]) -> bool:
    return bool(span["localEndpoint"]["serviceName"] == "shop")


def _readable(span: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The span with a name for people: the path it serves, or the program that it calls.

    The name that it has is the host, and here these are all 127.0.0.1 with a port.
    """
    url = span["tags"].get("http.url")
    if url:
        path = "/" + url.split("/", 3)[3].partition("?")[0]
        return {**span, "name": path}
    return {**span, "name": names.get(span["name"], span["name"])}


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"
