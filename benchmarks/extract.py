"""`python -m benchmarks extract`: instructions for reading the trace headers of one request.

Capture finds the known headers in a WSGI environ; extraction says who called, by all formats that
arrived. Each statement is run N and 2N times in one process, that starts itself.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable

from autotrace import config, propagation
from autotrace.headers import capture_environ
from autotrace.known_names import known_names
from benchmarks import instructions
from benchmarks.inbound import environ
from benchmarks.mark import mark
from benchmarks.table import table, verdict

WARM_UP, RUNS = 60, 200
# Instructions of the extraction.
NOTHING, SEVERAL = 3_000, 12_000

_TRACE, _SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
_W3C = {"traceparent": f"00-{_TRACE}-{_SPAN}-01"}
_B3 = {
    "x-b3-traceid": _TRACE,
    "x-b3-spanid": _SPAN,
    "x-b3-parentspanid": "05e3ac9a4f6e3b90",
    "x-b3-sampled": "1",
}
_ALL = {
    "b3": f"{_TRACE}-{_SPAN}-1",
    "x-datadog-trace-id": str(int(_TRACE[16:], 16)),
    "x-datadog-parent-id": str(int(_SPAN, 16)),
    "x-datadog-sampling-priority": "1",
    "sw8": "1-dHJhY2U=-c2VnbWVudA==-3-c2hvcA==-aQ==-L29yZGVycw==-MTAuMC4wLjE6ODA=",
    "x-amzn-trace-id": f"Root=1-{_TRACE[:8]}-{_TRACE[8:]};Parent={_SPAN};Sampled=1",
    "ot-tracer-traceid": _TRACE,
    "ot-tracer-spanid": _SPAN,
    "ot-tracer-sampled": "true",
    "x-cloud-trace-context": f"{_TRACE}/{int(_SPAN, 16)};o=1",
    "uber-trace-id": f"{_TRACE}:{_SPAN}:0:1",
}
# name -> headers besides the twenty of a browser, budget
CASES: dict[str, tuple[dict[str, str], int | None]] = {
    "nothing ours": ({}, NOTHING),
    "W3C": (_W3C, None),
    "W3C + B3": (_W3C | _B3, SEVERAL),
    "all formats": (_W3C | _B3 | _ALL, None),
}


def measure() -> str:
    """The table."""
    counts = instructions.parts(("benchmarks.extract",), {**os.environ, "PYTHONHASHSEED": "0"})
    # Three parts a statement: what came before it, N and 2N of them.
    each = [(counts[at + 2] - counts[at + 1]) // RUNS for at in range(0, len(counts) - 2, 3)]
    empty = each.pop(0)
    rows = []
    for place, (name, (_, budget)) in enumerate(CASES.items()):
        captured, planned, extracted = (count - empty for count in each[3 * place : 3 * place + 3])
        rows.append(
            (
                name,
                f"{captured:,}",
                f"{planned + extracted:,}",
                f"{captured + planned + extracted:,}",
                *verdict(planned + extracted, budget),
            )
        )
    return table(("headers", "capture", "extraction", "both", "budget", ""), rows)


def _statements() -> list[Callable[[], object]]:
    """What is counted: nothing, then capture, plan and extraction of each case."""
    settings, _ = config.load({})
    names = known_names(settings, ())
    planner = propagation.Planner(settings.propagators)
    made: list[Callable[[], object]] = [lambda: None]
    for headers, _ in CASES.values():
        request = environ("browser")
        for forwarded in ("HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_PORT"):
            # Twenty of its headers are left.
            del request[forwarded]
        request |= {f"HTTP_{name.upper().replace('-', '_')}": headers[name] for name in headers}
        known = capture_environ(request, names)
        plan = planner.plan(known)
        made.append(lambda request=request: capture_environ(request, names))  # type: ignore[misc]
        if known:
            made.append(lambda known=known: planner.plan(known))  # type: ignore[misc]
            made.append(
                lambda known=known, plan=plan: propagation.extract(known, plan)  # type: ignore[misc]
            )
        else:
            # Then nothing is read: this is all that the core asks.
            made += [lambda known=known: not known, lambda: None]  # type: ignore[misc]
    return made


def _run(statement: Callable[[], object], times: int) -> None:
    for _ in range(times):
        statement()


def main() -> None:
    """Runs every statement, with a mark where counting is to begin anew."""
    statements = _statements()
    for statement in statements:
        _run(statement, WARM_UP)
    gc.collect()
    gc.freeze()
    gc.disable()
    for statement in statements:
        _run(statement, WARM_UP)
        mark()
        _run(statement, RUNS)
        mark()
        _run(statement, 2 * RUNS)
        mark()


if __name__ == "__main__":
    main()
