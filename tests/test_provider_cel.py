"""Envoy's CEL sampler: what an expression may know of a request, and what no expression costs."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from autotrace.headers import Known
from autotrace.provider.asked import Asked
from autotrace.provider.cel import MISSING, made_ready
from autotrace.provider.cel_text import Unwritable, text
from autotrace.provider.samplers import parse_sampler

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PLACE = ("shop:80", "GET", "/items/7?a=b#c")


def says(expression: str, **headers: str) -> bool:
    """What an expression says of a request with these headers."""
    pytest.importorskip("cel")
    sampler, problem = made_ready(expression)
    assert sampler is not None, problem
    known = Known({name.replace("_", "-"): value for name, value in headers.items()})
    return sampler(Asked(None, TRACE, known, PLACE)).sampled


@pytest.mark.parametrize(
    "expression",
    [
        "request.method == 'GET' && request.host == 'shop:80'",
        "request.path == '/items/7?a=b#c' && request.query == 'a=b'",
        "request.url_path.matches('^/items/[0-9]+$')",
        "request.headers['x-user'] == 'eve' || request.headers['x-tier'].startsWith('g')",
        "'x-tier' in request.headers && !('x-user' in request.headers)",
        "request.headers[':method'] == 'GET'",
        "request.useragent.contains('bot') && request.size == 5",
        "request.time > timestamp('2020-01-01T00:00:00Z')",
    ],
)
def test_what_it_knows_of_a_request(expression: str) -> None:
    headers = {"x_tier": "gold", "user_agent": "a bot", "content_length": "5"}
    known = {**headers, "x_user": "eve"} if "'eve'" in expression else headers
    assert says(expression, **known) is True


@pytest.mark.parametrize(
    "expression",
    [
        "request.method == 'POST'",
        # An error, no boolean, and a header that is not there.
        "request.headers['x-user'] == 'eve'",
        "request.method",
        "1 / 0 == 1",
        "request.size == 1",
    ],
)
def test_whatever_is_not_true_is_no(expression: str) -> None:
    assert says(expression, content_length="many") is False


def test_the_headers_that_it_reads_are_looked_for() -> None:
    pytest.importorskip("cel")
    sampler, _ = made_ready("request.headers['X-Tier'] == 'gold' && request.useragent != ''")
    assert sampler is not None
    assert {"x-tier", "user-agent"} <= sampler.header_names


def test_what_becomes_of_the_callers_tracestate() -> None:
    pytest.importorskip("cel")
    for expression, tracestate in (("true", None), ("false", "")):
        sampler, _ = made_ready(expression)
        assert sampler is not None
        assert sampler(Asked(True, TRACE)).tracestate == tracestate


@pytest.mark.parametrize(
    "configured",
    [
        {"cel": {"expression": "true"}},
        {"cel": {"expression": {"celExprString": "true"}}},
        {"name": "any", "typed_config": {"@type": "a.CELSamplerConfig", "expression": "true"}},
        {"parent_based": {"wrapped_sampler": {"cel": {"expression": "true"}}}},
    ],
)
def test_how_it_is_configured(configured: dict[str, Any]) -> None:
    pytest.importorskip("cel")
    sampler, problem = parse_sampler(configured)
    assert sampler is not None
    assert (sampler(Asked(None, TRACE, place=PLACE)).sampled, problem) == (True, "")


def name(text: str) -> dict[str, Any]:
    """A name in a tree."""
    return {"ident_expr": {"name": text}}


def string(text: str) -> dict[str, Any]:
    """A text in a tree."""
    return {"constExpr": {"stringValue": text}}


def call(function: str, *args: object, **more: object) -> dict[str, Any]:
    """A call in a tree."""
    return {"id": 3, "call_expr": {"function": function, "args": list(args), **more}}


FIELD = {"select_expr": {"operand": name("request"), "field": "path"}}
HEADERS = {"select_expr": {"operand": name("request"), "field": "headers"}}


@pytest.mark.parametrize(
    ("tree", "written"),
    [
        (call("_==_", FIELD, string('a"b')), r'(request.path == "a\"b")'),
        (
            call("_||_", call("!_", name("a")), call("_&&_", name("b"), name("c"))),
            "(!(a) || (b && c))",
        ),
        (call("startsWith", string("/"), target=FIELD), 'request.path.startsWith("/")'),
        (call("_[_]", HEADERS, string("x")), 'request.headers["x"]'),
        (call("@in", string("x"), HEADERS), '("x" in request.headers)'),
        (call("_?_:_", name("a"), name("b"), name("c")), "(a ? b : c)"),
        (call("-_", {"const_expr": {"int64_value": "5"}}), "-(5)"),
        (call("size", HEADERS), "size(request.headers)"),
        ({"const_expr": {"uint64_value": 5}}, "5u"),
        ({"const_expr": {"bool_value": False}}, "false"),
        ({"list_expr": {"elements": [name("a"), name("b")]}}, "[a, b]"),
        ({"select_expr": {**HEADERS["select_expr"], "testOnly": True}}, "has(request.headers)"),
        (
            {"struct_expr": {"entries": [{"map_key": string("k"), "value": name("a")}]}},
            '{"k": a}',
        ),
    ],
)
def test_a_tree_of_envoys_is_written_out(tree: object, written: str) -> None:
    assert text(tree) == written


GATHERED = name("@result")


def loop(step: object) -> dict[str, Any]:
    """The loop that a macro over the headers becomes."""
    return {
        "comprehension_expr": {
            "iterVar": "h",
            "iterRange": HEADERS,
            "accuVar": "@result",
            "accuInit": {"constExpr": {"boolValue": True}},
            "loopCondition": call("@not_strictly_false", GATHERED),
            "loopStep": step,
            "result": GATHERED,
        }
    }


def list_of(element: object) -> dict[str, Any]:
    """A list of one in a tree."""
    return {"listExpr": {"elements": [element]}}


ONE = {"constExpr": {"int64Value": "1"}}


@pytest.mark.parametrize(
    ("step", "written"),
    [
        (call("_&&_", GATHERED, name("p")), "all(h, p)"),
        (call("_||_", GATHERED, name("p")), "exists(h, p)"),
        (
            call("_?_:_", name("p"), call("_+_", GATHERED, ONE), GATHERED),
            "exists_one(h, p)",
        ),
        (call("_+_", GATHERED, list_of(name("t"))), "map(h, t)"),
        (
            call("_?_:_", name("p"), call("_+_", GATHERED, list_of(name("t"))), GATHERED),
            "map(h, p, t)",
        ),
        (
            call("_?_:_", name("p"), call("_+_", GATHERED, list_of(name("h"))), GATHERED),
            "filter(h, p)",
        ),
    ],
)
def test_macros_are_told_by_their_loops(step: object, written: str) -> None:
    assert text(loop(step)) == f"request.headers.{written}"


@pytest.mark.parametrize(
    "step",
    [
        None,
        GATHERED,
        call("_+_", GATHERED, ONE),
        call("_&&_", name("other"), name("p")),
        call("_?_:_", name("p"), GATHERED, name("other")),
        call("_?_:_", name("p"), call("_&&_", GATHERED, name("q")), GATHERED),
        call("_+_", GATHERED, {"listExpr": {}}),
        call("_+_", GATHERED, {"listExpr": {"elements": [name("a"), name("b")]}}),
    ],
)
def test_other_loops_have_no_text(step: object) -> None:
    with pytest.raises(Unwritable):
        text(loop(step))


def test_a_macro_decides() -> None:
    pytest.importorskip("cel")
    is_tenant = call("startsWith", string("x-tenant"), target=name("h"))
    tree = loop(call("_||_", GATHERED, is_tenant))
    sampler, problem = parse_sampler({"cel": {"expression": {"cel_expr_parsed": {"expr": tree}}}})
    assert (sampler is not None, problem) == (True, "")
    assert sampler is not None
    for headers, sampled in (({"x-tenant": "a"}, True), ({"x-other": "a"}, False)):
        assert sampler(Asked(None, TRACE, Known(headers), PLACE)).sampled is sampled


def test_a_tree_of_envoys_is_an_expression_too() -> None:
    pytest.importorskip("cel")
    tree = call(
        "_==_", {"select_expr": {"operand": name("request"), "field": "method"}}, string("GET")
    )
    sampler, problem = parse_sampler({"cel": {"expression": {"cel_expr_parsed": {"expr": tree}}}})
    assert sampler is not None
    assert (sampler(Asked(None, TRACE, place=PLACE)).sampled, problem) == (True, "")


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("request.method ==", "Failed to parse"),
        ("request.protocol == 'HTTP/2' && source.address == ''", "protocol, source.*: not known"),
        ("", "the expression as text is wanted"),
        ({"cel_expr_parsed": {"expr": {}}}, "the expression as text is wanted"),
        (
            {"cel_expr_parsed": {"expr": {"comprehension_expr": {}}}},
            "the expression as text is wanted",
        ),
    ],
)
def test_what_is_wrong_is_said(expression: object, said: str) -> None:
    pytest.importorskip("cel")
    _, problem = parse_sampler({"cel": {"expression": expression}})
    assert said in problem


def test_without_the_library_it_is_said_which_one_is_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "cel", None)
    assert made_ready("true") == (None, MISSING)
    assert MISSING in parse_sampler({"cel": {"expression": "true"}})[1]
