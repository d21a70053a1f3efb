"""How finished spans find the exporters."""

from __future__ import annotations

import threading

import pytest

from autotrace import integration
from autotrace.config import Config
from autotrace.export import pipeline, resource
from tests.spans import server_span

PATIENCE = 20.0


def test_spans_that_end_first_at_the_same_time_share_a_pipeline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(integration, "_pipelines", [])
    monkeypatch.setattr(integration, "_core", None)
    together = threading.Barrier(2)
    built = []

    class Built:
        def __init__(self) -> None:
            self.spans: list[object] = []
            self.put = self.spans.append

    def build(config: Config, of: resource.Resource) -> Built:
        built.append(Built())
        together.wait(PATIENCE)
        return built[-1]

    monkeypatch.setattr(pipeline, "build", build)
    integration.configure(Config())
    core = integration.core()
    assert core is not None
    threads = [threading.Thread(target=core.finish, args=[server_span()]) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(PATIENCE)
    assert sorted(len(each.spans) for each in built) == [0, 2]


def test_a_span_that_ends_while_its_thread_makes_the_pipeline_waits_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A collection or a signal may come in between, among half-imported modules."""
    monkeypatch.setattr(integration, "_pipelines", [])
    monkeypatch.setattr(integration, "_core", None)
    integration.configure(Config())
    core = integration.core()
    assert core is not None
    finish = core.finish
    first, second = server_span(), server_span()
    sent: list[object] = []

    class Built:
        put = sent.append

    def build(config: Config, of: resource.Resource) -> type[Built]:
        finish(second)
        assert not sent
        return Built

    monkeypatch.setattr(pipeline, "build", build)
    finish(first)
    assert sent == [first, second]
