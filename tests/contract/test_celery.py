"""Celery's tasks: one call each, in the trace of whoever sent them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import celery.signals
import pytest
from celery import Celery, chain, chord, group
from celery.contrib.testing.worker import start_worker
from celery.exceptions import Ignore, Reject
from kombu.transport.memory import Transport

import autotrace
from autotrace import integration
from tests.contract import agent
from tests.contract.agent import Record, Spans, facts
from tests.contract.calls import PARENT, SAMPLED, TRACE, UNSAMPLED, within

REQUEST_ID = "f47ac10b-58cc-9372-a567-0e02b2c3d479"
HEADERS = {**SAMPLED, "x-request-id": REQUEST_ID, "baggage": "tenant=red"}
PATIENCE = 20.0


def add(a: int, b: int) -> int:
    return a + b


def total(numbers: list[int]) -> int:
    return sum(numbers)


def headers(self: Any) -> dict[str, str]:
    # Where every version has them.
    return {name: value for name, value in vars(self.request).items() if type(value) is str}


def onward() -> dict[str, str]:
    return autotrace.outbound_headers()


def again(self: Any) -> int:
    if self.request.retries < 2:
        raise self.retry(countdown=0)
    return int(self.request.retries)


def fails(kind: str = "") -> None:
    if kind:
        raise {"Ignore": Ignore, "Reject": Reject}[kind]("not now")
    raise ValueError("no stock")


class Shop:
    """An application with tasks of each kind."""

    def __init__(self, **settings: object) -> None:
        # A broker in memory belongs to its class: an earlier test's messages are still in it.
        state: Any = Transport.global_state
        state.clear()
        self.app: Any = Celery("shop", broker="memory://", backend="cache+memory://")
        self.app.conf.update(broker_connection_retry_on_startup=False, **settings)
        self.add, self.total, self.onward = self.task(add), self.task(total), self.task(onward)
        self.headers, self.again = self.task(headers, bind=True), self.task(again, bind=True)
        self.fails = self.task(fails)

        def sends() -> str:
            return str(self.add.delay(1, 2).id)

        self.sends = self.task(sends)

    def task(self, function: Callable[..., Any], **options: Any) -> Any:
        named = self.app.task(name=function.__name__, shared=False, max_retries=2, **options)
        return named(function)


@pytest.fixture(scope="module")
def worked() -> Iterator[Shop]:
    """One with a worker, which was started with an agent and takes each test's."""
    shop, options = Shop(), {"perform_ping_check": False, "shutdown_timeout": PATIENCE}
    with ExitStack() as stack:
        with agent.traced():
            stack.enter_context(start_worker(shop.app, pool="solo", **options))
        yield shop


@pytest.fixture
def shop(worked: Shop, spans: Spans) -> Shop:
    return worked


def sent(send: Callable[[], Any], headers: dict[str, str] = HEADERS) -> Any:
    """What a task returned that a request has sent."""
    return within(send, headers).get(timeout=PATIENCE)


def tasks(spans: Spans, count: int) -> tuple[Record, list[Record]]:
    """The span of the request, and those of so many tasks."""
    server, *runs = spans.exactly(count + 1)
    assert [run["kind"] for run in runs] == ["consumer"] * count
    return server, runs


def test_a_task_has_one_span_in_the_trace_of_its_sender(shop: Shop, spans: Spans) -> None:
    result = within(lambda: shop.add.delay(1, 2), HEADERS)
    assert result.get(timeout=PATIENCE) == 3
    server, (run,) = tasks(spans, 1)
    run = facts(run)
    run.pop("span_id")
    assert run == {
        "name": "add",
        "kind": "consumer",
        "trace_id": TRACE,
        "parent_id": server["span_id"],
        "status": "unset",
        "status_message": "",
        "events": [],
        "links": [],
        "tags": {
            "node_id": "node-1",
            "zone": "zone-a",
            "guid:x-request-id": REQUEST_ID,
            "messaging.system": "celery",
            "messaging.operation.type": "process",
            "messaging.destination.name": "celery",
            "messaging.message.id": result.id,
            "component": "proxy",
        },
    }


def test_every_active_format_travels_in_the_headers(shop: Shop, spans: Spans) -> None:
    arrived = {"x-datadog-trace-id": "7", "x-datadog-parent-id": "8", **HEADERS}
    headers = sent(shop.headers.delay, arrived)
    server, _ = tasks(spans, 1)
    assert headers["traceparent"] == f"00-{TRACE}-{server['span_id']}-01"
    assert headers["x-b3-spanid"] == server["span_id"]
    assert headers["x-datadog-parent-id"] == str(int(server["span_id"], 16))
    assert headers["x-request-id"] == REQUEST_ID
    assert headers["baggage"] == "tenant=red"


def test_the_callers_headers_travel_too_and_stay_untouched(shop: Shop, spans: Spans) -> None:
    mine = {"mine": "1", "Traceparent": "copied by hand"}
    headers = sent(lambda: shop.headers.apply_async(headers=mine))
    assert mine == {"mine": "1", "Traceparent": "copied by hand"}
    assert headers["mine"] == "1"
    assert [name for name in headers if name.lower() == "traceparent"] == ["traceparent"]


def test_what_a_task_calls_continues_its_span(shop: Shop, spans: Spans) -> None:
    headers = sent(shop.onward.delay)
    _, (run,) = tasks(spans, 1)
    assert headers["traceparent"] == f"00-{TRACE}-{run['span_id']}-01"
    assert headers["baggage"] == "tenant=red"


def test_a_task_that_a_task_sends_is_its_child(shop: Shop, spans: Spans) -> None:
    sent(shop.sends.delay)
    _, (sends, add) = tasks(spans, 2)
    assert add["parent_id"] == sends["span_id"]


def test_each_attempt_has_a_span_in_the_same_trace(shop: Shop, spans: Spans) -> None:
    assert sent(shop.again.delay) == 2
    server, runs = tasks(spans, 3)
    parents = [server["span_id"], *(run["span_id"] for run in runs)]
    assert [run["parent_id"] for run in runs] == parents[:3]
    assert {run["status"] for run in runs} == {"unset"}


def test_a_countdown_keeps_the_trace(shop: Shop, spans: Spans) -> None:
    assert sent(lambda: shop.add.apply_async((1, 2), countdown=0.1)) == 3
    server, (run,) = tasks(spans, 1)
    assert run["parent_id"] == server["span_id"]


def test_a_chain_keeps_the_trace(shop: Shop, spans: Spans) -> None:
    assert sent(lambda: chain(shop.add.s(1, 2), shop.add.s(3)).apply_async()) == 6
    server, (first, second) = tasks(spans, 2)
    assert (first["parent_id"], second["parent_id"]) == (server["span_id"], first["span_id"])


def test_a_group_keeps_the_trace(shop: Shop, spans: Spans) -> None:
    assert sent(lambda: group(shop.add.s(1, 2), shop.add.s(3, 4)).apply_async()) == [3, 7]
    server, runs = tasks(spans, 2)
    assert {run["parent_id"] for run in runs} == {server["span_id"]}


def test_a_chord_keeps_the_trace(shop: Shop, spans: Spans) -> None:
    assert sent(lambda: chord([shop.add.s(1, 2), shop.add.s(3, 4)])(shop.total.s())) == 10
    _, runs = tasks(spans, 3)
    assert {run["trace_id"] for run in runs} == {TRACE}


def test_callbacks_keep_the_trace(shop: Shop, spans: Spans) -> None:
    within(lambda: shop.add.apply_async((1, 2), link=shop.add.s(3)), HEADERS)
    _, (first, second) = tasks(spans, 2)
    assert second["parent_id"] == first["span_id"]


def test_what_a_task_raises_is_recorded(shop: Shop, spans: Spans) -> None:
    with pytest.raises(ValueError, match="no stock"):
        sent(shop.fails.delay)
    _, (run,) = tasks(spans, 1)
    assert run["status"] == "error"
    assert run["tags"]["error.reason"] == "ValueError: no stock"
    assert run["events"][0]["attributes"]["exception.type"] == "ValueError"


@pytest.mark.parametrize("kind", ["Ignore", "Reject"])
def test_a_task_that_is_not_done_has_not_failed(shop: Shop, spans: Spans, kind: str) -> None:
    within(lambda: shop.fails.delay(kind), HEADERS)
    _, (run,) = tasks(spans, 1)
    assert run["status"] == "unset"


def test_a_task_that_no_request_sent_begins_a_trace(shop: Shop, spans: Spans) -> None:
    shop.add.delay(1, 2).get(timeout=PATIENCE)
    assert not spans.one().get("parent_id")


def test_a_task_sent_by_name_keeps_the_trace(shop: Shop, spans: Spans) -> None:
    assert sent(lambda: shop.app.send_task("add", (1, 2))) == 3
    assert tasks(spans, 1)[1][0]["trace_id"] == TRACE


def test_a_task_of_what_is_not_sampled_hands_on_the_headers(shop: Shop, spans: Spans) -> None:
    headers = sent(shop.onward.delay, UNSAMPLED)
    assert headers["traceparent"] == UNSAMPLED["traceparent"]
    assert not spans


def test_a_sidecars_headers_pass_through_a_task(worked: Shop) -> None:
    with agent.traced(mode="propagate") as spans:
        assert sent(worked.onward.delay) == HEADERS
        assert not spans


def test_a_task_that_runs_where_it_is_called_is_part_of_that_call(spans: Spans) -> None:
    shop = Shop(task_always_eager=True)
    assert within(lambda: shop.add.delay(1, 2).get(), HEADERS) == 3
    assert within(lambda: shop.add(3, 4), HEADERS) == 7
    assert {span["kind"] for span in spans.exactly(2)} == {"server"}


def test_the_program_sees_no_receiver_of_ours() -> None:
    def receivers() -> list[list[int]]:
        signals = [each for each in vars(celery.signals).values() if hasattr(each, "receivers")]
        return [[id(receiver) for _, receiver in each.receivers or ()] for each in signals]

    before = receivers()
    with agent.traced():
        assert receivers() == before


def test_a_broken_agent_leaves_tasks_alone(
    shop: Shop, spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(integration, "carried_headers", broken)
    monkeypatch.setattr(integration, "inbound_message", broken)
    assert shop.add.delay(1, 2).get(timeout=PATIENCE) == 3
    assert not spans


def test_parents_are_right_where_headers_come_from_elsewhere(shop: Shop, spans: Spans) -> None:
    """From a producer that knows nothing of us, a gateway perhaps."""
    assert shop.add.apply_async((1, 2), headers=HEADERS).get(timeout=PATIENCE) == 3
    run = spans.one()
    assert (run["trace_id"], run["parent_id"]) == (TRACE, PARENT)
