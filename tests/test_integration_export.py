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
