"""`python -m benchmarks hostile`: what a megabyte of hostile trace headers costs a request.

Each case is a megabyte in a header that the agent reads, of the kind that makes a reader slow: much
to split, much to decode, much to look through. A server would refuse most of it; an agent must not
depend on that.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from statistics import median
from time import process_time_ns

from benchmarks.cpu import interleaved, microseconds
from benchmarks.inbound import environ
from benchmarks.load import flask_requests
from benchmarks.table import table, verdict
from benchmarks.variants import ALL, NONE, NOTHING, PROPAGATE

SIZE = 1_000_000
BUDGET = 1_000.0  # microseconds added
REQUESTS = 20


def _filled(unit: str, start: str = "") -> str:
    return start + unit * (SIZE // len(unit))


_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
# name -> headers as a WSGI server hands them over
CASES: Mapping[str, Mapping[str, str]] = {
    "traceparent": {"HTTP_TRACEPARENT": _filled("0", f"cc-{_TRACE}-00f067aa0ba902b7-01-")},
    "tracestate": {
        "HTTP_TRACEPARENT": f"00-{_TRACE}-00f067aa0ba902b7-01",
        "HTTP_TRACESTATE": _filled("a=1,"),
    },
    "baggage": {"HTTP_BAGGAGE": _filled("a=%20;p,")},
    "b3": {"HTTP_B3": _filled("0-")},
    "x-b3-traceid": {"HTTP_X_B3_TRACEID": _filled("f"), "HTTP_X_B3_SPANID": _filled("f")},
    "x-datadog-tags": {
        "HTTP_X_DATADOG_TRACE_ID": "42",
        "HTTP_X_DATADOG_PARENT_ID": "43",
        "HTTP_X_DATADOG_TAGS": _filled("_dd.p.a=1,"),
    },
    "sw8": {"HTTP_SW8": _filled("YQ==-"), "HTTP_SW8_CORRELATION": _filled("YQ==:YQ==,")},
    "x-amzn-trace-id": {"HTTP_X_AMZN_TRACE_ID": _filled("Root=1;")},
    "x-ot-span-context": {"HTTP_X_OT_SPAN_CONTEXT": _filled("AAAA")},
    "grpc-trace-bin": {"HTTP_GRPC_TRACE_BIN": _filled("AAAA")},
    "uber-trace-id": {"HTTP_UBER_TRACE_ID": _filled("a:")},
    "x-cloud-trace-context": {"HTTP_X_CLOUD_TRACE_CONTEXT": _filled("1", f"{_TRACE}/")},
    "x-request-id": {"HTTP_X_REQUEST_ID": _filled("a-")},
    "x-forwarded-for": {"HTTP_X_FORWARDED_FOR": _filled("1.2.3.4,")},
    "user-agent": {"HTTP_USER_AGENT": _filled("x ")},
    "10,000 headers": {f"HTTP_X_NAME_{number}": "v" * 80 for number in range(10_000)},
    "10,000 of baggage": {f"HTTP_UBERCTX_{number}": "v" * 80 for number in range(10_000)},
}
_VARIANTS = (ALL, NONE, PROPAGATE)


def measure(rounds: int) -> str:
    """The table: microseconds of CPU that each case adds to a request, by variant."""
    cases = [(name, variant) for name in CASES for variant in (NOTHING, *_VARIANTS)]
    taken = interleaved(
        rounds,
        cases,
        lambda case: microseconds(case[1], REQUESTS, (case[0],), "benchmarks.hostile"),
    )
    rows = []
    for name in CASES:
        base = taken[name, NOTHING].middle
        added = [taken[name, variant].middle - base for variant in _VARIANTS]
        rows.append(
            (name, f"{base:.0f}", *(f"{each:.0f}" for each in added), *verdict(max(added), BUDGET))
        )
    heads = ("1 MB of", "no agent", *(variant.name for variant in _VARIANTS), "budget", "")
    return table(heads, rows)


def main() -> None:
    """One case in this process: prints the nanoseconds of CPU that all its requests took."""
    *_, requests, name = sys.argv
    request = flask_requests({**environ("browser"), **CASES[name]}, lambda: None)
    for _ in range(5):
        request()
    times = []
    for _ in range(int(requests)):
        began = process_time_ns()
        request()
        times.append(process_time_ns() - began)
    print(int(median(times) * len(times)))


if __name__ == "__main__":
    main()
