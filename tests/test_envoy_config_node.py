"""Files as trees of values that know their lines; whatever they hold, nothing raises."""

from __future__ import annotations

import builtins
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace.cli.config import lint, show
from autotrace.config import load
from autotrace.config.file import read
from autotrace.config.problem import Invalid
from autotrace.envoy_config.node import documents
from autotrace.envoy_config.owner import owner
from tests.test_envoy_config import FIXTURES

yaml = pytest.importorskip("yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1", {"a": 1}),
        ("a: 0x10", {"a": 16}),
        ("a: 1.5", {"a": 1.5}),
        ("a: yes", {"a": True}),
        ("a: 'yes'", {"a": "yes"}),
        ("a: ~", {"a": None}),
        # What only PyYAML takes for a number or a date is a text to Envoy.
        ("a: 10:30", {"a": "10:30"}),
        ("a: 2001-02-03", {"a": "2001-02-03"}),
        ("a: 1_0", {"a": "1_0"}),
        ("a: !odd b", {"a": "b"}),
        ("x: &x {b: 1, c: 1}\na: {<<: *x, c: 2}", {"x": {"b": 1, "c": 1}, "a": {"b": 1, "c": 2}}),
        ("x: &x {b: 1}\na: {<<: [*x, {b: 2, c: 3}]}", {"x": {"b": 1}, "a": {"b": 1, "c": 3}}),
        ('{"a":\n\t[1, "\\/"]}', {"a": [1, "/"]}),
        ("{a: b}", {"a": "b"}),
    ],
)
def test_a_single_value_is_what_it_is_to_envoy(text: str, value: object) -> None:
    [node] = documents(text)
    assert node.plain() == value


def test_a_value_knows_the_line_of_its_name_and_the_names_that_lead_to_it() -> None:
    [_, node] = documents("a: 1\n---\nb:\n  - c.d:\n      1\n")
    assert isinstance(node.content, dict)
    inner: Any = node.content["b"].content
    found = inner[0].content["c.d"]
    assert (found.line, found.path) == (4, 'b[0]."c.d"')


def test_json_has_lines_too() -> None:
    [node] = documents('{\n\t"a": 1}')
    assert isinstance(node.content, dict)
    assert node.content["a"].line == 2


def test_json_is_read_without_pyyaml(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    importing = builtins.__import__

    def without_yaml(name: str, *rest: Any) -> Any:
        if name == "yaml":
            raise ImportError(name)
        return importing(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_yaml)
    path = tmp_path / "envoy.json"
    path.write_text(json.dumps({"tracing": {"random_sampling": {"value": 3}}}))
    found, problems = load({"AUTOTRACE_CONFIG": str(path)})
    assert (found.random_sampling, problems) == (3.0, [])
    assert found.sources["random_sampling"] == f"{path}: tracing.random_sampling"


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [*a]",
        "[" * 500 + "]" * 500,
        "a: &a {b: 1}\n" + "x: " + "{y: " * 150 + "1" + "}" * 150,
        "? [a]\n: 1",
        "a: [",
        "a: \x00",
        "a: &a [1, 1]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40)),
    ],
)
def test_what_cannot_be_a_configuration_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        documents(text)


@pytest.mark.parametrize(
    ("document", "whose"),
    [
        ({"random_sampling": 3, "provider": "zipkin", "custom_tags": []}, ""),
        ({"use_remote_address": True, "generate_request_id": True}, ""),
        ({}, ""),
        ([], ""),
        ("text", ""),
        (None, ""),
        ({"static_resources": {}}, "Envoy"),
        ({"staticResources": {}}, "Envoy"),
        ({"tracing": {"random_sampling": {}}}, "Envoy"),
        ({"tracing": None}, "Envoy"),
        ({"random_sampling": {"value": 3}}, "Envoy"),
        ({"provider": {"name": "envoy.tracers.zipkin"}}, "Envoy"),
        ({"@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster"}, "Envoy"),
        ({"kind": "Telemetry"}, "Istio"),
        ({"extension_providers": []}, "Istio"),
        ({"tracing": {"sampling": 3}}, "Istio"),
        ({"tracing": {"customTags": {}}}, "Istio"),
    ],
)
def test_whose_file_it_is_is_told_by_what_it_holds(document: object, whose: str) -> None:
    assert owner(document) == whose


def test_nothing_of_it_is_imported_where_no_file_is_named() -> None:
    code = (
        "import sys; from autotrace.config import load; load({}); "
        "print([name for name in sys.modules if 'envoy_config' in name])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=FIXTURES.parents[2], capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_setting_of_ours_in_yaml_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "autotrace.yaml"
    path.write_text("mode: trace\n\nzoen: a\nzone: b\n")
    found, [problem] = load({"AUTOTRACE_CONFIG": str(path)})
    assert found.sources["zone"] == f"{path}:4 zone"
    assert str(problem) == f"{path}:3 zoen: no such setting; did you mean zone?"


def test_our_settings_are_one_document(tmp_path: Path) -> None:
    path = tmp_path / "autotrace.yaml"
    path.write_text("mode: trace\n---\nzone: b\n")
    [problem] = load({"AUTOTRACE_CONFIG": str(path)})[1]
    assert "the file holds several documents" in str(problem)


TEXTS = st.text(alphabet="abc:{}[]-&*#'\"\n \t0.1|<%", max_size=60)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
WHOLE = [
    each.plain()
    for file in sorted(FIXTURES.iterdir())
    for each in documents(file.read_text(encoding="utf-8"))
]


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return each container of a value with each of its keys."""
    if isinstance(value, dict):
        keys: list[Any] = list(value)
    elif isinstance(value, list):
        keys = list(range(len(value)))
    else:
        return []
    return [(value, key) for key in keys] + [pair for key in keys for pair in places(value[key])]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("any") / "any.yaml"


def nothing_raises(file: Path) -> None:
    environ = {"AUTOTRACE_CONFIG": str(file)}
    load(environ, ["python", "shop.py"])
    show(environ)
    lint(environ)


@given(text=TEXTS)
def test_any_text_is_read_or_complained_of(file: Path, text: str) -> None:
    file.write_text(text)
    nothing_raises(file)


@given(which=st.sampled_from(WHOLE), value=VALUES, seed=st.integers(0, 2**32))
def test_a_real_file_with_anything_in_it_is_read_or_complained_of(
    file: Path, which: Any, value: Any, seed: int
) -> None:
    document = json.loads(json.dumps(which))
    holder, key = random.Random(seed).choice(places(document))
    holder[key] = value
    file.write_text(json.dumps(document))
    nothing_raises(file)


@given(first=st.sampled_from(WHOLE), second=st.sampled_from(WHOLE), seed=st.integers(0, 2**32))
def test_two_files_of_different_owners_are_read_or_complained_of(
    file: Path, first: Any, second: Any, seed: int
) -> None:
    first, second = json.loads(json.dumps([first, second]))
    chance = random.Random(seed)
    holder, key = chance.choice(places(first))
    other, name = chance.choice(places(second))
    holder[key] = other[name]
    file.write_text(f"{json.dumps(first)}\n---\n{json.dumps(second)}")
    nothing_raises(file)


@pytest.mark.parametrize("path", sorted(FIXTURES.iterdir()), ids=lambda path: path.name)
def test_a_file_reads_the_same_in_both_spellings_of_names(path: Path, tmp_path: Path) -> None:
    """Envoy takes randomSampling for random_sampling; names that are data stay as they are."""
    from autotrace.envoy_config.message import camel

    data = ("custom_tags", "customTags", "attributes", "filter_metadata", "static_layer")

    def spelled(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                name if name.startswith("@") else camel(name): each
                if name in data
                else spelled(each)
                for name, each in value.items()
            }
        return [spelled(each) for each in value] if isinstance(value, list) else value

    nodes = documents(path.read_text(encoding="utf-8"))
    other = tmp_path / path.name
    other.write_text("\n---\n".join(json.dumps(spelled(node.plain())) for node in nodes))
    assert read(str(other), {}).settings == read(str(path), {}).settings
