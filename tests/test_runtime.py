"""Shares that change while the program runs, by a file of Envoy's runtime keys."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace import runtime
from autotrace.routes import Routes
from autotrace.runtime import Malformed, Runtime, Samplers, over, overrides
from autotrace.sampling import Fractions, Sampler

HALF = {"tracing": {"random_sampling": 50}}


def sampler(**percents: float) -> Sampler:
    return Sampler(Fractions.of_percents(**percents))


SECONDS = count(1)


def written(path: Path, text: str) -> None:
    """Writes the file with a time of change of its own, which a quick machine may not give it."""
    path.write_text(text)
    os.utime(path, (next(SECONDS),) * 2)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(runtime, "log_once", lambda key, level, text: lines.append(text))
    return lines


@pytest.mark.parametrize(
    ("document", "found"),
    [
        (None, {}),
        ({}, {}),
        ({"upstream": {"healthy_panic_threshold": 1}}, {}),
        (HALF, {"random": (50, 100)}),
        ({"tracing.random_sampling": 50}, {"random": (50, 100)}),
        (
            {"tracing": {"client_enabled": 0, "global_enabled": 1}},
            {"client": (0, 100), "overall": (1, 100)},
        ),
        # Above a hundred everything passes.
        ({"tracing.random_sampling": 10000}, {"random": (100, 100)}),
        ({"tracing.random_sampling": "5"}, {"random": (5, 100)}),
        ({"tracing.random_sampling": 5.0}, {"random": (5, 100)}),
        (
            {"tracing.random_sampling": {"numerator": 5, "denominator": "MILLION"}},
            {"random": (5, 1000000)},
        ),
        (
            {"tracing.random_sampling": {"numerator": 5, "denominator": 1}},
            {"random": (5, 10000)},
        ),
        ({"tracing.random_sampling": {"numerator": 5}}, {"random": (5, 100)}),
        ({"tracing.random_sampling": {}}, {"random": (0, 100)}),
        # Of two spellings the nested one.
        ({"tracing.random_sampling": 1, "tracing": {"random_sampling": 2}}, {"random": (2, 100)}),
        ({"tracing.random_sampling": 1, "tracing": 7}, {"random": (1, 100)}),
    ],
)
def test_what_a_document_says(document: object, found: dict[str, Any]) -> None:
    assert overrides(document) == found


@pytest.mark.parametrize(
    "document",
    [
        [],
        "text",
        {"tracing.random_sampling": 0.5},
        {"tracing.random_sampling": -1},
        {"tracing.random_sampling": True},
        {"tracing.random_sampling": "all"},
        {"tracing.random_sampling": [1]},
        {"tracing.random_sampling": float("nan")},
        {"tracing.random_sampling": {"numerator": 1, "denominator": "THOUSAND"}},
        {"tracing.random_sampling": {"numerator": 1, "denominator": []}},
    ],
)
def test_a_share_that_is_none_is_malformed(document: object) -> None:
    with pytest.raises(Malformed):
        overrides(document)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.dictionaries(
            st.sampled_from(["tracing", "random_sampling", "tracing.random_sampling", "numerator"]),
            inner,
        ),
    )
)
def test_nothing_else_is_raised(document: object) -> None:
    try:
        overrides(document)
    except Malformed:
        pass


def test_a_key_stands_in_place_of_one_share_only() -> None:
    shares = over(Fractions.of_percents(10, 20, 30), {"random": (50, 100)})
    assert (shares.client, shares.client_of) == (10, 100)
    assert (shares.random, shares.random_of) == (50, 100)
    assert (shares.overall, shares.overall_of) == (3000, 10000)


def test_json_and_yaml(tmp_path: Path) -> None:
    path = tmp_path / "runtime"
    for text in (
        '{"tracing": {"random_sampling": 50}}',
        "tracing:\n  random_sampling: 50\n",
        "tracing.random_sampling: {numerator: 50}\n",
        '\ufeff{"tracing.random_sampling": 50}',
    ):
        path.write_text(text, encoding="utf-8")
        assert Runtime(str(path)).overrides == {"random": (50, 100)}


def test_a_change_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "runtime.json"
    written(path, '{"tracing.random_sampling": 50}')
    watched = Runtime(str(path))
    assert not watched.look()
    written(path, '{"tracing.random_sampling": 60}')
    assert watched.look()
    assert watched.overrides == {"random": (60, 100)}


def test_a_file_that_is_another_one_is_seen(tmp_path: Path) -> None:
    """Kubernetes swaps a link to a folder, and the times may be the same."""
    for name, share in (("a", 50), ("b", 60)):
        (tmp_path / name).write_text(f"tracing.random_sampling: {share}\n")
        os.utime(tmp_path / name, (1, 1))
    link = tmp_path / "link"
    link.symlink_to("a")
    watched = Runtime(str(link))
    link.unlink()
    link.symlink_to("b")
    assert watched.look()


def test_without_the_file_nothing_is_said(tmp_path: Path, said: list[str]) -> None:
    path = tmp_path / "runtime.json"
    watched = Runtime(str(path))
    assert watched.overrides == {}
    written(path, '{"tracing.random_sampling": 50}')
    assert watched.look()
    path.unlink()
    assert watched.look()
    assert watched.overrides == {}
    assert said == []


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "a: [",
        "[]",
        "a: b: c",
        '{"tracing.random_sampling": -1}',
        "[" * 100000,
        '{"tracing.random_sampling": ' + "9" * 5000 + "x}",
    ],
)
def test_a_broken_file_leaves_what_it_said(tmp_path: Path, said: list[str], text: str) -> None:
    path = tmp_path / "runtime.json"
    written(path, '{"tracing.random_sampling": 50}')
    watched = Runtime(str(path))
    written(path, text)
    assert not watched.look()
    assert watched.overrides == {"random": (50, 100)}
    [line] = said
    assert line.startswith(f"AUTOTRACE_RUNTIME_FILE={path}: ")
    # It is not read again until it changes.
    assert not watched.look()
    assert len(said) == 1


def test_what_is_no_text_or_no_file_is_broken(tmp_path: Path, said: list[str]) -> None:
    path = tmp_path / "runtime.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    assert Runtime(str(path)).overrides == {}
    assert Runtime(str(tmp_path)).overrides == {}
    os.mkfifo(tmp_path / "pipe")
    assert Runtime(str(tmp_path / "pipe")).overrides == {}
    assert len(said) == 3


def test_without_a_file_nobody_looks() -> None:
    samplers = Samplers(sampler(random=20))
    assert samplers.due == float("inf")
    assert samplers.listener.fractions.random == 2000


def test_the_listeners_share_changes(tmp_path: Path) -> None:
    path = tmp_path / "runtime.json"
    written(path, "{}")
    samplers = Samplers(sampler(random=20), path=str(path))
    assert samplers.listener.share == 2000
    written(path, '{"tracing.random_sampling": {"numerator": 1, "denominator": "TEN_THOUSAND"}}')
    samplers.refresh(100.0)
    assert samplers.due == 101.0
    assert samplers.listener.share == 1


def test_the_routes_shares_change_too(tmp_path: Path) -> None:
    path = tmp_path / "runtime.json"
    written(path, '{"tracing.global_enabled": 7}')
    match = {"prefix": "/"}
    routes = Routes(
        [{"match": match, "tracing": {"random_sampling": [3, "HUNDRED"]}}, {"match": match}]
    )
    samplers = Samplers(sampler(), [routes], str(path))
    first, second = routes
    assert first.sampler is not None
    shares = first.sampler.fractions
    assert (shares.random, shares.overall, shares.overall_of) == (3, 7, 100)
    assert second.sampler is None
    written(path, "{}")
    samplers.refresh(0.0)
    assert first.sampler.fractions.overall == 100


def test_what_is_packed_stays_as_configured(tmp_path: Path) -> None:
    configured = Sampler(Fractions.of_percents(), packs=False)
    assert not Samplers(configured, path=str(tmp_path / "none")).listener.packs
