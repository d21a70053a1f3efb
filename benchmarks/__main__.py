"""`python -m benchmarks NAME`: measures, and prints a table."""

from __future__ import annotations

import argparse
import sys

from benchmarks import asgi, instructions, outbound, wsgi
from benchmarks.server import serving
from benchmarks.table import machine

NAMES = {
    "wsgi": "a request through Flask in one process, without and with trace headers",
    "asgi": "the same through Starlette, aiohttp's server and gRPC's",
    "outbound": "one call to another process, by each client",
    "extract": "instructions for reading the trace headers of a request",
    "hostile": "a megabyte of hostile headers in a request",
    "start": "the start of `python -c pass` and of `import flask, requests`",
    "encode": "spans to bytes, beside OpenTelemetry's encoder",
    "leaks": "the memory of a process before and after 100,000 requests of each protocol",
}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="What tracing costs, in turns with the same program without it.",
        epilog="\n".join(f"  {name:9} {about}" for name, about in NAMES.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("name", choices=NAMES)
    made.add_argument(
        "--instructions", action="store_true", help="count instructions with callgrind"
    )
    made.add_argument("--only", default="", help="the rows whose name ends so, such as grpc")
    made.add_argument("--rounds", type=int, default=7, help="rounds of CPU time (7)")
    made.add_argument(
        "--requests", type=int, help="requests a run (10000; 100 when counted; 100000 for leaks)"
    )
    return made


def main(arguments: list[str] | None = None) -> int:
    """Runs one benchmark."""
    options = parser().parse_args(arguments)
    if (options.instructions or options.name == "extract") and not instructions.available():
        print(instructions.ABSENT, file=sys.stderr)
        return 1
    print(machine())
    if options.name == "extract":
        from benchmarks import extract

        print(f"\n{extract.measure()}")
        return 0
    if options.name == "hostile":
        from benchmarks import hostile

        print(f"\n{hostile.measure(options.rounds)}")
        return 0
    with serving() as port:
        print(flush=True)
        if options.name == "start":
            from benchmarks import start

            print(start.measure(options.rounds))
        elif options.name == "encode":
            from benchmarks import encode

            print(encode.measure(options.rounds, max(1, (options.requests or 2560) // 512)))
        elif options.name == "leaks":
            from benchmarks import leaks

            print(leaks.measure(port, options.requests or 100_000, options.only))
        else:
            _requests(options, port)
    return 0


def _requests(options: argparse.Namespace, port: int) -> None:
    made = {"wsgi": wsgi.budgeted, "asgi": lambda port: asgi.budgeted(), "outbound": outbound.rows}
    rows = [row for row in made[options.name](port) if row.name.endswith(options.only)]
    if options.instructions:
        print(wsgi.count(rows, port, options.requests or 100))
    else:
        print(wsgi.clock(rows, port, options.requests or 10000, options.rounds))


if __name__ == "__main__":
    sys.exit(main())
