"""A trace as a waterfall of text: who called whom, when and for how long.

Spans are plain values with the keys of `autotrace.export.jsonl.described`, of one service or many.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

PlainSpan = Mapping[str, Any]

_MARKS = {"server": "▸", "client": "→", "producer": "→", "consumer": "▸", "internal": "·"}
# Of services in the order in which they appear; blue is too dark for many terminals.
SERVICE_COLOURS = (36, 35, 33, 32, 94, 96, 95, 93)
_RED, _DIM, _BOLD = 31, 2, 1
_NARROWEST_BAR = 10


def waterfall(
    spans: Sequence[PlainSpan], width: int = 100, colours: bool = False, digits: int = 0
) -> list[str]:
    """The lines of one or several traces, each with a heading, at most `width` columns wide.

    Each span begins with so many digits of its id.
    """
    traces: dict[str, list[PlainSpan]] = {}
    for span in spans:
        traces.setdefault(span["trace_id"], []).append(span)
    # The colour of a service is the same in all of them.
    services = list(dict.fromkeys(span["service"] for span in sorted(spans, key=_start)))
    paint = _Paint(colours, services)
    lines: list[str] = []
    for trace_id, members in traces.items():
        lines += [*([""] if lines else []), *_trace(trace_id, members, width, paint, digits)]
    return lines


def from_zipkin(span: Mapping[str, Any]) -> dict[str, Any]:
    """A span of Zipkin's v2 JSON as plain values."""
    tags = span.get("tags", {})
    return {
        "trace_id": span["traceId"],
        "span_id": span["id"],
        "parent_id": span.get("parentId", ""),
        "shared": span.get("shared", False),
        "name": span.get("name", ""),
        "kind": span.get("kind", "internal").lower(),
        "service": span.get("localEndpoint", {}).get("serviceName", ""),
        "start": span.get("timestamp", 0) * 1000,
        "duration_ns": span.get("duration", 0) * 1000,
        "status": "error" if "error" in tags else "unset",
        "status_message": tags.get("error", ""),
        "tags": tags,
        "events": [],
        "links": [],
    }


class _Paint:
    """Colours, or nothing when none are wanted."""

    def __init__(self, colours: bool, services: Sequence[str]) -> None:
        self._colours = colours
        self._of_service = {
            service: SERVICE_COLOURS[number % len(SERVICE_COLOURS)]
            for number, service in enumerate(services)
        }

    def __call__(self, text: str, colour: int) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colours and text else text

    def service(self, text: str, service: str) -> str:
        return self(text, self._of_service[service])


def _trace(
    trace_id: str, spans: Sequence[PlainSpan], width: int, paint: _Paint, digits: int
) -> Iterable[str]:
    begin = min(_start(span) for span in spans)
    end = max(_start(span) + span["duration_ns"] for span in spans)
    services = {span["service"] for span in spans}
    about = (
        f"{_count(len(spans), 'span')}, {_count(len(services), 'service')}, {_time(end - begin)}"
    )
    yield f"{paint('trace ' + trace_id, _BOLD)}  {paint(about, _DIM)}"
    rows = _rows(spans)
    labels = [_label(depth, span) for depth, span in rows]
    times = [_time(span["duration_ns"]) for _, span in rows]
    outcomes = [_outcome(span) for _, span in rows]
    service_width = max(len(_service(span)) for span in spans)
    time_width = max(map(len, times))
    outcome_width = max(map(len, outcomes))
    id_width = digits + 2 if digits else 0
    fixed = id_width + service_width + time_width + outcome_width + 4 * 2
    label_width = min(max(map(len, labels)), max(12, width - fixed - 2 * _NARROWEST_BAR))
    bar_width = max(_NARROWEST_BAR, width - fixed - label_width)
    for (_, span), label, time, outcome in zip(rows, labels, times, outcomes, strict=True):
        bar = _bar(span, begin, max(1, end - begin), bar_width)
        service = span["service"]
        failed = span["status"] == "error"
        line = "  ".join(
            (
                paint.service(_service(span).ljust(service_width), service),
                _cut(label, label_width).ljust(label_width),
                paint(outcome.ljust(outcome_width), _RED if failed else _DIM),
                time.rjust(time_width),
                paint(bar, _RED) if failed else paint.service(bar, service),
            )
        )
        span_id = span["span_id"][:digits].ljust(id_width)
        yield f"{paint.service(span_id, service)}{line}".rstrip()


def _rows(spans: Sequence[PlainSpan]) -> list[tuple[int, PlainSpan]]:
    """The spans with their depth, each below the one that called it, by time."""
    with_id: dict[str, list[PlainSpan]] = {}
    for span in spans:
        with_id.setdefault(span["span_id"], []).append(span)
    children: dict[int, list[PlainSpan]] = {}
    roots: list[PlainSpan] = []
    for span in sorted(spans, key=_start):
        parent = _parent(span, with_id)
        (roots if parent is None else children.setdefault(id(parent), [])).append(span)
    rows: list[tuple[int, PlainSpan]] = []
    waiting = [(0, root) for root in reversed(roots)]
    while waiting:
        depth, span = waiting.pop()
        rows.append((depth, span))
        waiting += [(depth + 1, child) for child in reversed(children.get(id(span), []))]
    # What is its own ancestor, which only broken ids can say, hangs from no root.
    reached = {id(span) for _, span in rows}
    return rows + [(0, span) for span in spans if id(span) not in reached]


def _parent(span: PlainSpan, with_id: Mapping[str, Sequence[PlainSpan]]) -> PlainSpan | None:
    if span.get("shared"):
        # A server span that shares its id belongs below the client span of that id.
        candidates = [each for each in with_id[span["span_id"]] if not each.get("shared")]
    else:
        candidates = [each for each in with_id.get(span["parent_id"], ()) if each is not span]
    # Where two spans share the id, the one in the same service is the caller.
    candidates.sort(key=lambda each: each["service"] != span["service"])
    return candidates[0] if candidates else None


def _start(span: PlainSpan) -> int:
    return int(span["start"])


def _label(depth: int, span: PlainSpan) -> str:
    tags: Mapping[str, Any] = span["tags"]
    method = tags.get("http.method") or tags.get("http.request.method") or ""
    name = span["name"]
    if method and method not in name:
        name = f"{method} {name}"
    return f"{'  ' * depth}{_MARKS.get(span['kind'], '·')} {name}"


def _outcome(span: PlainSpan) -> str:
    tags = span["tags"]
    status = tags.get("http.status_code") or tags.get("http.response.status_code") or ""
    flags = tags.get("response_flags", "-")
    text = " ".join(filter(None, (str(status), "" if flags == "-" else str(flags))))
    return text or ("error" if span["status"] == "error" else "")


def _service(span: PlainSpan) -> str:
    name: str = span["service"]
    return _cut(name, 20)


def _bar(span: PlainSpan, begin: int, length: int, width: int) -> str:
    """The span's part of the trace's time: at least one block, never beyond the end."""
    duration: int = span["duration_ns"]
    first = min(width - 1, (_start(span) - begin) * width // length)
    blocks = max(1, round(duration * width / length))
    return " " * first + "█" * min(blocks, width - first)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _time(nanoseconds: int) -> str:
    for unit, size in (("s", 1_000_000_000), ("ms", 1_000_000)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.1f} {unit}"
    return f"{nanoseconds // 1000} µs"
