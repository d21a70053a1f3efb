"""`autotrace.inbound` and `autotrace.outbound_headers`: work that came without HTTP."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry import trace

import autotrace
from autotrace.context import CURRENT
from tests.contract import agent
from tests.contract.agent import Spans, facts
from tests.contract.application import Environ
from tests.contract.calls import PARENT, SAMPLED, TRACE, UNSAMPLED, environ_of, served, within
from tests.contract.servers import ROOT

REQUEST_ID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
# Sampled by chance, which Envoy writes into the id: the caller did not ask for more.
TRACED_ID = "f47ac10b-58cc-9372-a567-0e02b2c3d479"
TRACEPARENT = SAMPLED["traceparent"]


def tags(spans: Spans) -> Mapping[str, Any]:
    return dict(spans.one()["tags"])


def test_a_message_has_one_consumer_span_in_the_trace_of_its_sender(spans: Spans) -> None:
    headers = [("traceparent", TRACEPARENT.encode()), ("x-request-id", REQUEST_ID.encode())]
    with autotrace.inbound(
        headers, "ship order", system="kafka", destination="orders", message_id="7"
    ):
        pass
    span = facts(spans.one())
    assert re.fullmatch("[0-9a-f]{16}", span.pop("span_id"))
    assert span == {
        "name": "ship order",
        "kind": "consumer",
        "trace_id": TRACE,
        "parent_id": PARENT,
        "status": "unset",
        "status_message": "",
        "events": [],
        "links": [],
        "tags": {
            "node_id": "node-1",
            "zone": "zone-a",
            "guid:x-request-id": TRACED_ID,
            "messaging.system": "kafka",
            "messaging.operation.type": "process",
            "messaging.destination.name": "orders",
            "messaging.message.id": "7",
            "component": "proxy",
        },
    }


def test_a_run_that_nobody_asked_for_begins_a_trace(spans: Spans) -> None:
    with autotrace.inbound(name="nightly"):
        headers = autotrace.outbound_headers()
    span = spans.one()
    assert (span["kind"], span["name"]) == ("server", "nightly")
    assert headers["traceparent"] == f"00-{span['trace_id']}-{span['span_id']}-01"


@pytest.mark.parametrize(
    "headers",
    [
        {"traceparent": TRACEPARENT},
        {"Traceparent": TRACEPARENT.encode()},
        {b"traceparent": bytearray(TRACEPARENT.encode())},
        [("traceparent", TRACEPARENT), ("other", None), ("number", 3)],
        iter([(b"TRACEPARENT", TRACEPARENT.encode())]),
        {"traceparent": {"StringValue": TRACEPARENT, "DataType": "String"}},
        {"traceparent": {"stringValue": TRACEPARENT, "dataType": "String"}},
        {"traceparent": {"Type": "String", "Value": TRACEPARENT}},
    ],
    ids=["dict", "bytes", "all bytes", "pairs", "iterator", "sqs", "lambda", "sns"],
)
def test_headers_are_read_however_a_queue_hands_them_out(spans: Spans, headers: Any) -> None:
    with autotrace.inbound(headers):
        pass
    assert spans.one()["trace_id"] == TRACE


@pytest.mark.parametrize("headers", [None, {}, [], {"traceparent": "nonsense"}, {"a": {}}])
def test_headers_that_say_nothing_begin_a_trace(spans: Spans, headers: Any) -> None:
    with autotrace.inbound(headers, "task"):
        pass
    assert not spans.one().get("parent_id")


def test_headers_that_cannot_be_read_leave_the_program_alone(spans: Spans) -> None:
    with autotrace.inbound(3, "task"):  # type: ignore[arg-type]
        done = True
    assert done
    assert agent.failures() == {"messages": 1}


def test_an_exception_is_recorded_and_goes_on(spans: Spans) -> None:
    error = ValueError("no stock")
    with pytest.raises(ValueError) as raised, autotrace.inbound(name="ship"):
        raise error
    assert raised.value is error
    span = spans.one()
    assert span["status"] == "error"
    assert span["tags"]["error.reason"] == "ValueError: no stock"
    assert span["events"][0]["attributes"]["exception.message"] == "no stock"


def test_cancelled_work_has_not_failed(spans: Spans) -> None:
    async def consume() -> None:
        with autotrace.inbound(name="ship"):
            await asyncio.Event().wait()

    async def main() -> None:
        task = asyncio.create_task(consume())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())
    assert spans.one()["status"] == "unset"


def test_what_is_not_sampled_has_no_span_but_headers(spans: Spans) -> None:
    with autotrace.inbound({**UNSAMPLED, "x-request-id": REQUEST_ID}):
        headers = autotrace.outbound_headers()
        assert not trace.get_current_span().is_recording()
    assert headers["traceparent"] == UNSAMPLED["traceparent"]
    assert headers["x-request-id"] == TRACED_ID
    assert not spans


def test_tasks_of_one_loop_keep_apart(spans: Spans) -> None:
    async def serve(number: int) -> str:
        trace_id = f"{number:032x}"
        with autotrace.inbound({"traceparent": f"00-{trace_id}-{PARENT}-01"}):
            await asyncio.sleep(0)
            return autotrace.outbound_headers()["traceparent"].split("-")[1]

    async def main() -> list[str]:
        return await asyncio.gather(*map(serve, range(1, 51)))

    assert asyncio.run(main()) == [f"{number:032x}" for number in range(1, 51)]
    spans.exactly(50)


def test_the_context_before_comes_back(spans: Spans) -> None:
    before = CURRENT.get()
    with autotrace.inbound(name="outer"):
        outer = CURRENT.get()
        with autotrace.inbound(name="inner"):
            assert CURRENT.get() is not outer
        assert CURRENT.get() is outer
    assert CURRENT.get() is before


def test_a_block_left_by_the_collector_changes_no_context_of_others(spans: Spans) -> None:
    def consume() -> Any:
        with autotrace.inbound(name="message"):
            yield autotrace.outbound_headers()

    messages = consume()
    next(messages)
    within(messages.close)
    assert CURRENT.get().get("autotrace-call") is not None or not CURRENT.get()
    CURRENT.set(type(CURRENT.get())())


def test_baggage_and_every_format_that_arrived_travel_on(spans: Spans) -> None:
    arrived = {"sw8-correlation": "", "b3": f"{TRACE}-{PARENT}-1", "baggage": "tenant=red"}
    with autotrace.inbound(arrived):
        headers = autotrace.outbound_headers()
    span = spans.one()
    assert headers["b3"].startswith(f"{TRACE}-{span['span_id']}-1")
    assert headers["baggage"] == "tenant=red"
    assert headers["x-b3-traceid"] == TRACE


def test_headers_of_a_request_name_its_span(spans: Spans) -> None:
    headers = within(autotrace.outbound_headers, SAMPLED)
    span = spans.one()
    assert headers["traceparent"] == f"00-{TRACE}-{span['span_id']}-01"


def test_a_span_of_the_program_is_the_parent(spans: Spans) -> None:
    with autotrace.inbound(name="ship"), trace.get_tracer("shop").start_as_current_span("pack"):
        headers = autotrace.outbound_headers()
    pack = next(span for span in spans.exactly(2) if span["name"] == "pack")
    assert headers["traceparent"].split("-")[2] == pack["span_id"]


def test_outside_of_a_request_there_are_no_headers(spans: Spans) -> None:
    assert autotrace.outbound_headers() == {}


def test_a_sidecars_headers_pass_byte_for_byte() -> None:
    arrived = {"traceparent": TRACEPARENT, "x-request-id": REQUEST_ID, "b3": "0"}
    with agent.traced(mode="propagate") as spans:
        with autotrace.inbound({**arrived, "other": "thing"}):
            assert autotrace.outbound_headers() == arrived
        assert autotrace.outbound_headers() == {}
        assert not spans


def test_names_and_queues_can_be_left_out_of_the_record() -> None:
    with agent.traced(exclude="*heartbeat") as spans:
        with autotrace.inbound(SAMPLED, "tasks.heartbeat", system="celery"):
            assert autotrace.outbound_headers()["traceparent"] == TRACEPARENT
        with autotrace.inbound(SAMPLED, "tasks.ship", system="celery"):
            pass
        assert spans.one()["name"] == "tasks.ship"


PROGRAM = """
import sys
import autotrace
with autotrace.inbound({"traceparent": %r}, "task"):
    print(autotrace.outbound_headers().get("traceparent", "none")[:35])
print("opentelemetry" in sys.modules, "autotrace.integration" in sys.modules)
"""


@pytest.mark.parametrize(
    ("path", "mode", "answer"),
    [
        ("", "trace", "none\nFalse False\n"),
        ("bootstrap", "off", "none\nFalse False\n"),
        ("bootstrap", "trace", f"00-{TRACE}\nTrue True\n"),
    ],
    ids=["no agent", "off", "traced"],
)
def test_it_stays_in_a_program_that_runs_without_the_agent(
    path: str, mode: str, answer: str
) -> None:
    """And where only this call asks for the agent, it is there."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM % TRACEPARENT],
        env={"PYTHONPATH": str(ROOT / path), "AUTOTRACE_MODE": mode, "AUTOTRACE_EXPORTER": "none"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == (answer, "")


def test_the_status_of_grpc_is_in_the_headers(spans: Spans) -> None:
    """As of what a browser asks, which is no gRPC to Envoy, and of what fails at once."""
    sent = [("Grpc-Status", "13"), ("Grpc-Message", "no"), ("Grpc-Status", "0")]

    def application(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", sent)
        return []

    environ = environ_of()
    environ["CONTENT_TYPE"] = "application/grpc-web"
    served(application, environ)
    tags = spans.one()["tags"]
    assert (tags["grpc.status_code"], tags["grpc.message"], tags["error"]) == ("13", "no", "true")
    assert "grpc.path" not in tags
