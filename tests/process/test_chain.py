"""Six services of as many frameworks and clients: one trace, whichever headers it came in."""

from __future__ import annotations

import json
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from autotrace.headers import Known
from autotrace.propagation import FORMATS
from tests.contract import upstream
from tests.contract.upstream import Arrival, Upstream
from tests.export_server import Collector, collecting
from tests.process import programs
from tests.process.chain_services import SERVICES
from tests.process.programs import ask

NAMES = [service.__name__ for service in SERVICES]
PATH = " ".join(NAMES) + " hello"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SHORT = TRACE[16:]
TRACE_NUMBER, PARENT_NUMBER = int(SHORT, 16), int(PARENT, 16)


def text64(data: str | bytes) -> str:
    """Base64 of it."""
    return b64encode(data.encode() if isinstance(data, str) else data).decode()


# What Lightstep's tracer writes, and gRPC's: fields with their numbers, by hand.
CARRIER = b"\x12\x14\x09%s\x11%s\x18\x01" % (
    TRACE_NUMBER.to_bytes(8, "little"),
    PARENT_NUMBER.to_bytes(8, "little"),
)
BINARY = b"\x00\x00" + bytes.fromhex(TRACE) + b"\x01" + bytes.fromhex(PARENT) + b"\x02\x01"


class Family(NamedTuple):
    """Headers of one format, the trace that they name, and what comes out as it went in."""

    headers: dict[str, str]
    trace_id: str = TRACE
    kept: dict[str, str] = {}  # noqa: RUF012 - never changed


FAMILIES = {
    "tracecontext": Family(
        {"traceparent": f"00-{TRACE}-{PARENT}-01"}, kept={"tracestate": "vendor=one"}
    ),
    "b3": Family({"b3": f"{TRACE}-{PARENT}-1"}),
    "b3multi": Family({"x-b3-traceid": SHORT, "x-b3-spanid": PARENT, "x-b3-sampled": "1"}, SHORT),
    "datadog": Family(
        {"x-datadog-trace-id": str(TRACE_NUMBER), "x-datadog-parent-id": str(PARENT_NUMBER)},
        SHORT,
        {"x-datadog-sampling-priority": "2", "x-datadog-origin": "rum"},
    ),
    "sw8": Family(
        {"sw8": "-".join(("1", text64(TRACE), text64("segment"), "3", *map(text64, "sieh")))},
        kept={"sw8-correlation": f"{text64('user')}:{text64('alice')}"},
    ),
    "xray": Family(
        {"x-amzn-trace-id": f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={PARENT};Sampled=1"}
    ),
    "ot": Family({"x-ot-span-context": text64(CARRIER)}, SHORT),
    "ottrace": Family(
        {"ot-tracer-traceid": SHORT, "ot-tracer-spanid": PARENT, "ot-tracer-sampled": "true"},
        SHORT,
        {"ot-baggage-color": "red"},
    ),
    "cloudtrace": Family({"x-cloud-trace-context": f"{TRACE}/{PARENT_NUMBER};o=1"}),
    "grpcbin": Family({"grpc-trace-bin": text64(BINARY)}),
    "jaeger": Family({"uber-trace-id": f"{TRACE}:{PARENT}:0:1"}, kept={"uberctx-color": "red"}),
}
# grpcio keeps it from the servers that it serves; what else is sent names the same trace.
UNSEEN = "grpc-trace-bin"
ALWAYS = {"x-request-id": "order-7", "baggage": "user=alice;p=1,color=red", "end-user": "alice"}


class Chain(NamedTuple):
    """The services as they run, whom the last one calls, and who gets the spans."""

    port: int
    end: Upstream
    collector: Collector

    def arrives(self, headers: dict[str, str]) -> Arrival:
        """What comes out at the end of what goes in with these headers."""
        self.end.clear()
        lines = [f"{name}: {value}".encode() for name, value in headers.items()]
        assert ask(self.port, "/", lines) == (200, PATH.encode())
        return self.end.one()

    def spans(self, trace_id: str) -> list[dict[str, Any]]:
        """All spans of a trace, waited for."""
        found: list[dict[str, Any]] = []
        while len(found) < 2 * len(NAMES):
            received = json.loads(self.collector.received().body)
            found += [span for span in received if span["traceId"] == trace_id]
        return found


def run(mode: str, folder: Path, stack: ExitStack) -> Chain:
    """Starts the services, the last one first."""
    end = stack.enter_context(upstream.serving())
    collector = stack.enter_context(collecting())
    service = str(Path(__file__).with_name("chain_services.py"))
    url = end.url()
    port = 0
    for name in reversed(NAMES):
        variables = {
            "AUTOTRACE_MODE": mode,
            "AUTOTRACE_SERVICE_NAME": name,
            "AUTOTRACE_EXPORTER": "zipkin",
            "AUTOTRACE_ZIPKIN_ENDPOINT": f"{collector.url}/api/v2/spans",
            "AUTOTRACE_FORWARD_HEADERS": "end-user",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "NEXT": url,
        }
        program = programs.start(
            "autotrace-run", [sys.executable, service, name], folder, variables
        )
        stack.callback(program.kill)
        port = int(program.says("port: ").rpartition(" ")[2])
        url = f"http://127.0.0.1:{port}/"
    return Chain(port, end, collector)


@pytest.fixture(scope="module")
def chains(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Chain]]:
    """The services in a mode, started once."""
    running: dict[str, Chain] = {}
    with ExitStack() as stack:

        def chain(mode: str) -> Chain:
            if mode not in running:
                running[mode] = run(mode, tmp_path_factory.mktemp(mode), stack)
            return running[mode]

        yield chain


@pytest.mark.parametrize("name", FAMILIES)
def test_it_is_one_trace_from_end_to_end(name: str, chains: Callable[[str], Chain]) -> None:
    """Each service is the child of the call that reached it, and its call is a child of its own."""
    family, chain = FAMILIES[name], chains("trace")
    sent = {**family.headers, **family.kept, **ALWAYS}
    caller = FORMATS[name].extract(Known(sent))
    assert caller is not None
    arrival = chain.arrives(sent)
    spans = {
        (s["localEndpoint"]["serviceName"], s["kind"]): s for s in chain.spans(family.trace_id)
    }
    assert len(spans) == 2 * len(NAMES)
    above = caller.span_id
    for service in NAMES:
        for kind in ("SERVER", "CLIENT"):
            span = spans[service, kind]
            assert span["parentId"] == above, (service, kind)
            above = span["id"]
        assert spans[service, "SERVER"]["tags"]["guid:x-request-id"] == "order-7"
    arrived = Known({key.lower(): value for key, value in arrival.headers})
    assert len(arrived) == len(arrival.headers)
    if UNSEEN not in sent:
        last = FORMATS[name].extract(arrived)
        assert last is not None
        assert (last.trace_id, last.span_id) == (family.trace_id, above)
    # In the formats that always go out too.
    assert arrival.span == (family.trace_id.rjust(32, "0"), above)
    assert {key: arrived.get(key) for key in ALWAYS} == ALWAYS
    assert {key: arrived.get(key) for key in family.kept} == family.kept


@pytest.mark.parametrize("name", FAMILIES)
def test_propagate_mode_hands_everything_on_as_it_came(
    name: str, chains: Callable[[str], Chain]
) -> None:
    family, chain = FAMILIES[name], chains("propagate")
    sent = {**family.headers, **family.kept, **ALWAYS}
    arrival = chain.arrives(sent)
    arrived = {key.lower(): value for key, value in arrival.headers}
    sent.pop(UNSEEN, None)
    assert {key: arrived.get(key) for key in sent} == sent
    assert chain.collector.so_far() == []
