"""The agent inside the test process: patched, configured and taken away again for each test.

Records are spans as plain values, the same whether they were made in this process or read from
another one.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import time_ns
from typing import Any

import pytest

from autotrace import activation, config, context, guard, integration
from autotrace.config import Config
from autotrace.export import jsonl, memory
from autotrace.export.pipeline import Pipeline
from autotrace.export.resource import Resource
from autotrace.integrations import MANIFEST
from autotrace.span import Span

PATIENCE = 10.0

Record = dict[str, Any]

SETTINGS = {
    "service_name": "shop",
    "node_id": "node-1",
    "zone": "zone-a",
    # Whichever are installed.
    "otel_instrumentors": "none",
}
_RESOURCE = Resource("shop")


def variables(settings: dict[str, str]) -> dict[str, str]:
    """The environment that states these settings."""
    stated = {**SETTINGS, **settings}
    return {f"AUTOTRACE_{name.upper()}": value for name, value in stated.items()}


class Spans(list[Any]):
    """Finished spans, each waited for: a server ends its span after the client has the answer."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = threading.Condition()
        self._since = 0

    def clear(self) -> None:
        """Forgets all spans, and those of earlier requests that are still to come."""
        with self._changed:
            super().clear()
            self._since = time_ns()

    def append(self, span: Any) -> None:
        """Takes a span that ended."""
        began = span.start_ns if isinstance(span, Span) else int(span["start"])
        if began < self._since:
            return
        with self._changed:
            super().append(span)
            self._changed.notify_all()

    def wait(self, count: int) -> list[Record]:
        """So many records at least, in the order of their beginning."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self) >= count, PATIENCE):
                names = [(span["kind"], span["name"]) for span in self.records()]
                pytest.fail(f"{len(self)} of {count} spans have ended: {names}")
            return self.records()

    def exactly(self, count: int) -> list[Record]:
        """So many records and no more."""
        found = self.wait(count)
        assert len(found) == count, found
        return found

    def one(self) -> Record:
        """The only record."""
        return self.exactly(1)[0]

    def records(self) -> list[Record]:
        """All records so far, in the order of their beginning."""
        records = [jsonl.described(s, _RESOURCE) if isinstance(s, Span) else s for s in self]
        return sorted(records, key=lambda record: int(record["start"]))


def facts(record: Record) -> Record:
    """A record without its times, which no test can know."""
    return {k: v for k, v in record.items() if k not in ("start", "duration_ns", "service")}


@contextmanager
def traced(**settings: str) -> Iterator[Spans]:
    """Runs the agent with these settings on every library that is imported."""
    environ = variables({"exporter": "memory", **settings})
    loaded, problems = config.load(environ)
    assert not problems, [str(problem) for problem in problems]
    spans = Spans()
    build = integration._build_pipeline

    def build_for_this_test(config: Config) -> Pipeline:
        # What an earlier test left to the collector may still end.
        return build(config) if config is loaded else Pipeline()

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(integration, "_build_pipeline", build_for_this_test)
        monkeypatch.setattr(memory, "SPANS", spans)
        monkeypatch.setattr(integration, "_pipelines", [])
        monkeypatch.setattr(integration, "_core", None)
        monkeypatch.setattr(context, "BAGGAGE", "")
        monkeypatch.setattr(activation, "_patches", {})
        monkeypatch.setattr(activation, "_status", {})
        integration.configure(loaded)
        for row in MANIFEST:
            for name in row.modules:
                if name in sys.modules:
                    activation.apply(row, sys.modules[name], loaded)
        failed = [each for each in activation.status() if each.state == "failed"]
        assert not failed, failed
        try:
            yield spans
        finally:
            for patches in reversed(activation._patches.values()):
                patches.rollback()
            forgive()


def forgive() -> None:
    """Forgets all failures, and switches on again what they switched off."""
    guard._switched_off.clear()
    for site in guard.status():
        site.off = site.logged = False
        site.failures = 0
        site.error = ""


def failures() -> dict[str, int]:
    """How often agent code has failed, by place."""
    return {site.name: site.failures for site in guard.status() if site.failures}
