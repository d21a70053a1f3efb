"""Envoy's X-Ray tracer: the header decides, or else the local rules."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace.config import Config
from autotrace.headers import Known
from autotrace.propagation.xray import TRACE_ID
from autotrace.provider import xray
from autotrace.provider.xray import Options
from autotrace.provider.xray_rules import parse
from autotrace.span import SERVER

ROOT = "1-5759e988-bd862e3fe1be46a994272793"
TRACE, SPAN = "5759e988bd862e3fe1be46a994272793", "53995c3f42cd8ad8"
NEW = "0000000a" + f"{1:08x}" + f"{2:016x}"
ALL = '{"version": 2, "default": {"fixed_target": 0, "rate": 1}, "rules": [%s]}'
NONE = ALL % '{"fixed_target": 0, "rate": 0}'


def words(*numbers: int) -> Callable[[], int]:
    """Random words in the order in which they are drawn."""
    return iter(numbers).__next__


def options(manifest: str) -> Options:
    return Options(parse(manifest), "svc", lambda: 0, lambda: 10.9)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"Root={ROOT};Parent={SPAN};Sampled=1", (TRACE, SPAN, 1)),
        (f"Root={ROOT};Parent={SPAN};Sampled=0", (TRACE, SPAN, 0)),
        (f"Root={ROOT};Sampled=1", (TRACE, "", 1)),
        (f"Root={ROOT};Parent=5398ad8;Sampled=1", (TRACE, "0000000005398ad8", 1)),
        (f"Root={ROOT};Parent=x;Sampled=1", (TRACE, "", 1)),
        (f"Root={ROOT};Parent=0;Sampled=1", (TRACE, "", 1)),
        (f"Root=1-272793;Parent={SPAN};Sampled=1", (NEW, "", 1)),
        ("Sampled=0", (NEW, "", 0)),
    ],
)
@pytest.mark.parametrize("traced", [True, False])
def test_the_header_decides(value: str, traced: bool, expected: tuple[str, str, int]) -> None:
    verdict = xray.start(Known({TRACE_ID: value}), traced, options(NONE), words(1, 2))
    assert (verdict.trace_id, verdict.span_id, verdict.sampled) == expected
    assert not verdict.null


@pytest.mark.parametrize("headers", [{}, {TRACE_ID: f"Root={ROOT};Sampled=?"}])
@pytest.mark.parametrize("traced", [True, False])
def test_else_the_rules_decide(headers: dict[str, str], traced: bool) -> None:
    known = Known(headers)
    assert xray.start(known, traced, options(NONE), words(99, 1, 2)).sampled == 0
    assert xray.start(known, traced, options(""), words(1, 2)).sampled == 1


def test_a_rule_sees_host_method_and_path() -> None:
    manifest = ALL % (
        '{"fixed_target": 0, "rate": 0, "host": "h", "http_method": "GET", "url_path": "/p*"}'
    )
    known = Known({TRACE_ID: f"Root={ROOT}"})
    for request, sampled in (
        (("h", "GET", "/p?a=b"), 0),
        (("h", "GET", "/q"), 1),
        (("h", "POST", "/p"), 1),
        (("g", "GET", "/p"), 1),
        (("", "", ""), 0),
    ):
        assert xray.start(known, True, options(manifest), words(99), request).sampled == sampled


def test_a_span_has_an_id_of_its_own() -> None:
    known = Known({TRACE_ID: f"Root={ROOT};Parent={SPAN};Sampled=1"})
    verdict = xray.start(known, True, options(""), words())
    assert xray.span_ids(verdict, words(7)) == (f"{7:016x}", SPAN)


def test_rules_come_from_the_setting_or_the_file_it_names(tmp_path: Path) -> None:
    file = tmp_path / "rules.json"
    file.write_text(NONE, encoding="utf-8")
    for manifest in (NONE, f"\n {NONE}", str(file)):
        rules = Options.from_config(Config(xray_sampling_rule_manifest=manifest)).rules
        assert (len(rules.custom), rules.fault) == (1, "")


def test_a_file_that_cannot_be_read_leaves_the_built_in_rule(tmp_path: Path) -> None:
    made = Options.from_config(Config(xray_sampling_rule_manifest=str(tmp_path / "none")))
    assert not made.rules.custom
    assert "No such file" in made.problem


def test_the_options_name_the_segment_and_the_format() -> None:
    made = Options.from_config(Config(service_name="svc"))
    assert (made.segment_name, made.injects, len(made.injections)) == ("svc", ("xray",), 1)
    assert xray.span_name(SERVER, "ingress", "host", "/a") == "ingress"


@given(st.text() | st.text(alphabet="RootPaentSmpld=;1-?af0"), st.booleans())
def test_no_header_raises(value: str, traced: bool) -> None:
    verdict = xray.start(Known({TRACE_ID: value}), traced, options(NONE), lambda: 1)
    assert len(verdict.trace_id) == 32
