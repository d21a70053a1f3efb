"""Every vector of our copy, and the comparison itself, which has to be able to fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.vectors import registry
from tests.vectors.__main__ import main
from tests.vectors.compare import SPECIAL, differences
from tests.vectors.run import run, vectors

DATA = Path(__file__).parent / "vectors" / "data"
VECTORS = [vector for _, vector in vectors(DATA)]

registry.load()


@pytest.mark.parametrize("vector", [pytest.param(v, id=v["id"]) for v in VECTORS])
def test_the_product_does_what_a_vector_says(vector: dict[str, Any]) -> None:
    failure = run(vector)
    assert failure is None, failure


def test_the_copy_is_whole() -> None:
    assert len(VECTORS) == len({vector["id"] for vector in VECTORS}) == 463


def test_no_adapter_is_broken() -> None:
    assert registry.BROKEN == {}


# name, expected, right outcome, wrong outcome
COMPARED: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ("text", {"a": "x"}, {"a": "x"}, {"a": "y"}),
    ("missing", {"a": "x"}, {"a": "x"}, {}),
    ("null", {"a": None}, {"a": None}, {}),
    ("null is not empty", {"a": None}, {"a": None}, {"a": ""}),
    ("true is not one", {"a": True}, {"a": True}, {"a": 1}),
    ("zero is not false", {"a": 0}, {"a": 0}, {"a": False}),
    ("object", {"a": {"b": "x"}}, {"a": {"b": "x", "c": "y"}}, {"a": {"c": "x"}}),
    ("object or null", {"a": {"b": 1}}, {"a": {"b": 1}}, {"a": None}),
    ("null or object", {"a": None}, {"a": None}, {"a": {"b": 1}}),
    ("list", {"a": [1, "b"]}, {"a": (1, "b")}, {"a": [1]}),
    ("list in order", {"a": [1, 2]}, {"a": [1, 2]}, {"a": [2, 1]}),
    ("absent tag", {"absent": ["t"]}, {"tags": {"u": ""}}, {"tags": {"t": ""}}),
    ("absent header", {"absent": ["h"]}, {"headers": {}}, {"headers": {"h": ""}}),
    ("absent key", {"absent": ["k"]}, {"json": {}}, {"json": {"k": None}}),
    (
        "exact",
        {"tags": {"a": "1"}, "exact": True},
        {"tags": {"a": "1"}},
        {"tags": {"a": "1", "b": "2"}},
    ),
    (
        "order",
        {"order": ["a", "b"]},
        {"tags": {"a": "1", "c": "3", "b": "2"}},
        {"tags": {"b": "2", "c": "3", "a": "1"}},
    ),
    ("order, all there", {"order": ["a", "b"]}, {"tags": {"a": "", "b": ""}}, {"tags": {"a": ""}}),
    (
        "subset",
        {"json": {"a": {"b": 1}}, "subset": True},
        {"json": {"a": {"b": 1, "c": 2}, "d": 3}},
        {"json": {"a": {"c": 2}}},
    ),
    ("whole json", {"json": {"a": 1}}, {"json": {"a": 1}}, {"json": {"a": 1, "b": 2}}),
    ("falsy", {"falsy": ["a", "b"]}, {"json": {"a": False}}, {"json": {"b": True}}),
    (
        "absent annotation",
        {"absent_annotations": ["a"]},
        {"json": {"annotations": {"b": ""}}},
        {"json": {"annotations": {"a": ""}}},
    ),
    (
        "inject",
        {"inject": {"b3": "0"}},
        {"inject": {"b3": "0", "x": "y"}},
        {"inject": {"b3": "1"}},
    ),
    ("inject nothing", {"inject": {}}, {"inject": {}}, {"inject": {"b3": "0"}}),
    ("not injected", {"inject_absent": ["b3"]}, {"inject": {}}, {"inject": {"b3": "0"}}),
    ("not injected, known", {"inject_absent": ["b3"]}, {"inject": {}}, {}),
    (
        "upstream request",
        {"upstream_request": {"headers": {"h": "v"}}},
        {"upstream_request": {"headers": {"h": "v"}}},
        {"upstream_request": {"headers": {}}},
    ),
    (
        "upstream request without",
        {"upstream_request": {"absent": ["h"]}},
        {"upstream_request": {"headers": {}}},
        {"upstream_request": {"headers": {"h": "v"}}},
    ),
    (
        "downstream response",
        {"downstream_response": {"absent": ["h"]}},
        {"downstream_response": {"headers": {}}},
        {},
    ),
    ("no error", {"error": None}, {"error": None}, {"error": "length"}),
    ("an error of any class", {"error": "length"}, {"error": "version"}, {"error": None}),
    ("an error that is a tag", {"error": True}, {"error": True}, {"error": False}),
    (
        "spans",
        {"spans": [{"name": "n", "tags": {"a": "1"}}]},
        {"spans": [{"name": "n", "tags": {"a": "1", "b": "2"}}]},
        {"spans": [{"name": "m", "tags": {"a": "1"}}]},
    ),
    (
        "spans without",
        {"spans": [{"absent": ["b"]}]},
        {"spans": [{"tags": {"a": "1"}}]},
        {"spans": [{"tags": {"b": "2"}}]},
    ),
    ("number of spans", {"spans": []}, {"spans": []}, {"spans": [{}]}),
    (
        "x-forwarded-for",
        {"headers": {"x-forwarded-for": "a, b,c"}},
        {"headers": {"x-forwarded-for": "a,b, c"}},
        {"headers": {"x-forwarded-for": "a, bc"}},
    ),
    (
        "tags header",
        {"tags_header_contains": ["_dd.p.tid=1"]},
        {"headers": {"x-datadog-tags": "_dd.p.dm=-1,_dd.p.tid=1"}},
        {"headers": {"x-datadog-tags": "_dd.p.dm=-1"}},
    ),
]


@pytest.mark.parametrize("case", COMPARED, ids=lambda case: case[0])
def test_a_right_outcome_passes(case: tuple[str, Any, Any, Any]) -> None:
    assert differences("op", case[1], case[2]) == []


@pytest.mark.parametrize("case", COMPARED, ids=lambda case: case[0])
def test_a_wrong_outcome_fails(case: tuple[str, Any, Any, Any]) -> None:
    assert differences("op", case[1], case[3]) != []


def test_every_special_key_has_a_case() -> None:
    tried = {key for _, expect, _, _ in COMPARED for key in expect}
    assert SPECIAL.keys() - tried == set()


@pytest.mark.parametrize(
    ("op", "key"), [("custom_tags.merge", "tags"), ("request_id.response", "response_headers")]
)
def test_some_operations_expect_nothing_else(op: str, key: str) -> None:
    assert differences(op, {key: {"a": "1"}}, {key: {"a": "1"}}) == []
    assert differences(op, {key: {}}, {key: {"a": "1"}}) != []


def vector(op: str) -> dict[str, Any]:
    return {"id": "x-1", "op": op, "title": "t", "given": {}, "expect": {"a": 1}}


def test_an_operation_without_adapter_fails() -> None:
    failure = run(vector("no.such"))
    assert failure is not None
    assert failure.why[0].startswith("no adapter")


def test_an_adapter_that_raises_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.ADAPTERS, "test.raises", lambda given: given["no"])
    failure = run(vector("test.raises"))
    assert failure is not None
    assert failure.why == ["KeyError: 'no'"]


def test_the_runner_counts_and_says_what_failed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(registry.ADAPTERS, "test.one", lambda given: {"a": 1})
    cases = [vector("test.one"), vector("no.such")]
    (tmp_path / "area.json").write_text(json.dumps({"vectors": cases}))
    assert main([str(tmp_path), "-v"]) == 1
    printed = capsys.readouterr().out
    assert "x-1 no.such: t" in printed
    assert printed.endswith("1 passed, 1 failed\n")


def test_the_runner_is_content_when_all_pass(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(registry.ADAPTERS, "test.one", lambda given: {"a": 1})
    (tmp_path / "area.json").write_text(json.dumps({"vectors": [vector("test.one")]}))
    assert main([str(tmp_path)]) == 0
    assert main([str(tmp_path), "--area", "other"]) == 1


def test_headers_of_a_vector_are_captured_as_a_server_does() -> None:
    known = registry.known({"a": "1", "b": ["2", "3"]})
    assert known.all("a") == ["1"]
    assert known.all("b") == ["2", "3"]
    assert registry.known(None) == {}
