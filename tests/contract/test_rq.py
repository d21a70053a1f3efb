"""RQ's jobs: one call each, in the trace of whoever enqueued them. With a real Redis only."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import rq
from redis import Redis
from redis.exceptions import ConnectionError as NotYet

from tests.contract import agent, rq_jobs
from tests.contract.agent import Record, Spans, facts
from tests.contract.calls import PARENT, SAMPLED, TRACE, UNSAMPLED, within
from tests.contract.servers import ROOT

REDIS = shutil.which("redis-server")
pytestmark = pytest.mark.skipif(
    not REDIS, reason="RQ IS NOT TESTED: there is no redis-server (apt-get install redis-server)"
)
REQUEST_ID = "f47ac10b-58cc-9372-a567-0e02b2c3d479"
HEADERS = {**SAMPLED, "x-request-id": REQUEST_ID, "baggage": "tenant=red"}


@pytest.fixture(scope="module")
def socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a Redis of these tests listens."""
    folder = tmp_path_factory.mktemp("redis")
    path = str(folder / "socket")
    command = [str(REDIS), "--port", "0", "--unixsocket", path, "--save", "", "--dir", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        connection = Redis(unix_socket_path=path)
        until = time.monotonic() + agent.PATIENCE
        while True:
            try:
                connection.ping()
                break
            except NotYet:
                assert time.monotonic() < until, "Redis does not begin"
                time.sleep(0.01)
        yield path
    finally:
        process.terminate()
        process.wait(agent.PATIENCE)


@pytest.fixture
def queue(socket: str) -> rq.Queue:
    connection = Redis(unix_socket_path=socket)
    connection.flushdb()
    return rq.Queue("orders", connection=connection)


@pytest.fixture
def work(queue: rq.Queue) -> Callable[[], Any]:
    """Runs what is enqueued, here, without a process for each job."""

    class Worker(rq.SimpleWorker):
        # The test's own process stays as it is.
        def _install_signal_handlers(self) -> None: ...

    def work() -> Any:
        Worker([queue], connection=queue.connection).work(burst=True, logging_level="CRITICAL")

    return work


def two(spans: Spans) -> tuple[Record, Record]:
    """The span of the request and that of its job."""
    server, job = spans.exactly(2)
    assert (server["kind"], job["kind"]) == ("server", "consumer")
    return server, job


def test_a_job_has_one_span_in_the_trace_of_its_sender(
    queue: rq.Queue, work: Callable[[], Any], spans: Spans
) -> None:
    job = within(lambda: queue.enqueue(rq_jobs.add, 1, 2), HEADERS)
    work()
    assert job.return_value() == 3
    server, ran = two(spans)
    ran = facts(ran)
    ran.pop("span_id")
    assert ran == {
        "name": "tests.contract.rq_jobs.add",
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
            "messaging.system": "rq",
            "messaging.operation.type": "process",
            "messaging.destination.name": "orders",
            "messaging.message.id": job.id,
            "component": "proxy",
        },
    }


def test_what_a_job_sends_carries_all_that_arrived(
    queue: rq.Queue, work: Callable[[], Any], spans: Spans
) -> None:
    job = within(lambda: queue.enqueue(rq_jobs.onward), {**HEADERS, "b3": f"{TRACE}-{PARENT}-1"})
    work()
    _, ran = two(spans)
    headers: Any = job.return_value()
    assert headers["traceparent"] == f"00-{TRACE}-{ran['span_id']}-01"
    assert headers["b3"].startswith(f"{TRACE}-{ran['span_id']}-1")
    assert headers["x-request-id"] == REQUEST_ID
    assert headers["baggage"] == "tenant=red"


def test_what_the_program_keeps_with_a_job_stays_its_own(queue: rq.Queue, spans: Spans) -> None:
    meta = {"traceparent": "mine"}
    job = within(lambda: queue.enqueue(rq_jobs.add, 1, 2, meta=meta), HEADERS)
    fetched = rq.job.Job.fetch(job.id, connection=queue.connection)
    assert meta == fetched.meta == {"traceparent": "mine"}


def test_each_attempt_has_a_span_in_the_same_trace(
    queue: rq.Queue, work: Callable[[], Any], spans: Spans
) -> None:
    within(lambda: queue.enqueue(rq_jobs.fail, retry=rq.Retry(max=1)), HEADERS)
    work()
    server, *attempts = spans.exactly(3)
    assert {each["parent_id"] for each in attempts} == {server["span_id"]}
    assert {each["status"] for each in attempts} == {"error"}
    assert attempts[0]["tags"]["error.reason"] == "ValueError: no stock"


def test_jobs_that_wait_for_others_keep_the_trace(
    queue: rq.Queue, work: Callable[[], Any], spans: Spans
) -> None:
    def enqueue() -> None:
        first = queue.enqueue(rq_jobs.add, 1, 2)
        queue.enqueue(rq_jobs.add, 3, 4, depends_on=first)

    within(enqueue, HEADERS)
    work()
    assert {span["trace_id"] for span in spans.exactly(3)} == {TRACE}


def test_a_job_that_no_request_enqueued_begins_a_trace(
    queue: rq.Queue, work: Callable[[], Any], spans: Spans
) -> None:
    queue.enqueue(rq_jobs.add, 1, 2)
    work()
    assert not spans.one()["parent_id"]


def test_a_job_of_what_is_not_sampled_hands_on_the_headers(
    queue: rq.Queue, work: Callable[[], Any], spans: Spans
) -> None:
    job = within(lambda: queue.enqueue(rq_jobs.onward), UNSAMPLED)
    work()
    headers: Any = job.return_value()
    assert headers["traceparent"] == UNSAMPLED["traceparent"]
    assert not spans


def test_a_sidecars_headers_pass_through_a_job(queue: rq.Queue, work: Callable[[], Any]) -> None:
    with agent.traced(mode="propagate") as spans:
        job = within(lambda: queue.enqueue(rq_jobs.onward), HEADERS)
        work()
        assert job.return_value() == HEADERS
        assert not spans


def test_a_job_that_runs_where_it_is_enqueued_is_part_of_that_call(
    queue: rq.Queue, spans: Spans
) -> None:
    here = rq.Queue("orders", connection=queue.connection, is_async=False)
    within(lambda: here.enqueue(rq_jobs.add, 1, 2), HEADERS)
    assert spans.one()["kind"] == "server"


@pytest.mark.parametrize("worker", ["rq.worker.Worker", "rq.worker.SimpleWorker"])
def test_a_worker_as_it_is_run_loses_nothing(
    queue: rq.Queue, spans: Spans, socket: str, worker: str, tmp_path: Path
) -> None:
    """Each job is run by a process of its own, which leaves through os._exit."""
    within(lambda: [queue.enqueue(rq_jobs.add, 1, 2) for _ in range(3)], HEADERS)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    settings = {"exporter": "jsonl", "jsonl_endpoint": str(tmp_path / "spans")}
    environ |= agent.variables({**settings, "flush_interval_ms": "60000"})
    environ["PYTHONPATH"] = os.pathsep.join((str(ROOT / "bootstrap"), str(ROOT)))
    command = ["rq.cli", "worker", "orders", "--burst", "--url", f"unix://{socket}"]
    done = subprocess.run(
        [sys.executable, "-m", *command, "--worker-class", worker, "--quiet"],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, "autotrace" in done.stderr) == (0, False), done.stderr
    ran = [json.loads(line) for line in (tmp_path / "spans").read_text().splitlines()]
    assert [span["parent_id"] for span in ran] == [spans.one()["span_id"]] * 3
    assert len({span["span_id"] for span in ran}) == 3
