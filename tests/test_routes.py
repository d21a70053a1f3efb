"""Which route a request takes, and what the routes of the configuration may say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace.config import routes as configured
from autotrace.config.problem import Invalid
from autotrace.headers import NO_HEADERS, Known, Names, capture_pairs
from autotrace.routes import OUTBOUND, Routes


def parsed(*entries: object) -> tuple[tuple[dict[str, Any], ...], list[str]]:
    complaints: list[str] = []
    return configured.parse(list(entries), complaints.append), complaints


def table(*entries: dict[str, Any]) -> Routes:
    """A table of valid routes, each named by its position unless it has a name."""
    named = [{"name": str(at), **entry} for at, entry in enumerate(entries)]
    found, complaints = parsed(*named)
    assert complaints == []
    return Routes(found)


def taken(
    routes: Routes,
    path: str = "/",
    host: str = "host",
    method: str = "GET",
    headers: Known = NO_HEADERS,
) -> str | None:
    route = routes.find(method, host, path, headers)
    return None if route is None else route.name


@pytest.mark.parametrize(
    ("match", "path", "fits"),
    [
        ({"prefix": "/"}, "/any", True),
        ({"prefix": "/api"}, "/apis?q=1", True),
        ({"prefix": "/api"}, "/ap", False),
        ({"prefix": "/API"}, "/api", False),
        ({"prefix": "/API", "case_sensitive": False}, "/api/1", True),
        ({"prefix": "/api?q"}, "/api?q=1", False),
        ({"path": "/api"}, "/api?q=1", True),
        ({"path": "/api"}, "/api/", False),
        ({"path": "/a.i", "case_sensitive": False}, "/A.I", True),
        ({"path": "/a.i", "case_sensitive": False}, "/api", False),
        ({"path_separated_prefix": "/api"}, "/api", True),
        ({"path_separated_prefix": "/api"}, "/api/v1", True),
        ({"path_separated_prefix": "/api"}, "/apis", False),
        ({"path_separated_prefix": "/api"}, "/api\n", False),
        ({"path_separated_prefix": "/API", "case_sensitive": False}, "/api/v1", True),
        ({"safe_regex": {"regex": "/[a-z]+"}}, "/abc", True),
        ({"safe_regex": {"regex": "/[a-z]+"}}, "/abc/1", False),
        ({"safeRegex": {"regex": "/[a-z]+", "google_re2": {}}}, "/abc?q", True),
        ({"pathSeparatedPrefix": "/api", "caseSensitive": True}, "/api/v1", True),
    ],
)
def test_a_path_fits(match: dict[str, Any], path: str, fits: bool) -> None:
    assert (taken(table({"match": match}), path) is not None) is fits


# condition, value of the header `h` (several: a list), whether it fits
HEADERS: list[tuple[dict[str, Any], list[str], bool]] = [
    ({}, ["x"], True),
    ({}, [], False),
    ({"present_match": True}, [""], True),
    ({"present_match": False}, [], True),
    ({"present_match": False}, ["x"], False),
    ({"present_match": True, "invert_match": True}, [], True),
    ({"present_match": True, "invert_match": True}, ["x"], False),
    ({"exact_match": "x"}, ["x"], True),
    ({"exact_match": "x"}, ["xy"], False),
    ({"exact_match": "x,y"}, ["x", "y"], True),
    ({"string_match": {"exact": "X", "ignore_case": True}}, ["x"], True),
    ({"stringMatch": {"prefix": "X", "ignoreCase": True}}, ["xyz"], True),
    ({"prefix_match": "x"}, ["xyz"], True),
    ({"suffix_match": "z"}, ["xyz"], True),
    ({"suffix_match": "z"}, ["xy"], False),
    ({"contains_match": "y"}, ["xyz"], True),
    ({"string_match": {"contains": "Y"}}, ["xyz"], False),
    ({"safe_regex_match": {"regex": "x.z"}}, ["xyz"], True),
    ({"safe_regex_match": {"regex": "x"}}, ["xyz"], False),
    ({"range_match": {"start": 1, "end": 3}}, ["2"], True),
    ({"range_match": {"start": "1", "end": "3"}}, ["3"], False),
    ({"range_match": {"start": -3, "end": 0}}, ["-3"], True),
    ({"range_match": {"start": 1, "end": 3}}, ["two"], False),
    ({"range_match": {"start": 1, "end": 3}}, ["9" * 5000], False),
    ({"exact_match": "x", "invert_match": True}, ["y"], True),
    # What is not there has no value that could be another one.
    ({"exact_match": "x", "invert_match": True}, [], False),
    ({"exact_match": "x", "invert_match": True, "treat_missing_header_as_empty": True}, [], True),
    ({"exact_match": "", "treat_missing_header_as_empty": True}, [], True),
]


@pytest.mark.parametrize(("condition", "values", "fits"), HEADERS)
def test_a_header_fits(condition: dict[str, Any], values: list[str], fits: bool) -> None:
    routes = table({"match": {"prefix": "/", "headers": [{"name": "H", **condition}]}})
    known = capture_pairs([("h", value) for value in values], Names(routes.header_names()))
    assert (taken(routes, headers=known) is not None) is fits


@pytest.mark.parametrize(
    ("name", "value"), [(":method", "POST"), (":authority", "host"), (":path", "/x")]
)
def test_pseudo_headers_are_the_requests_own(name: str, value: str) -> None:
    routes = table({"match": {"prefix": "/", "headers": [{"name": name, "exact_match": value}]}})
    assert taken(routes, "/x", method="POST") == "0"
    assert taken(routes, "/y", "other", "GET") is None
    assert routes.header_names() == frozenset()


@pytest.mark.parametrize(
    ("kind", "fits"),
    [("application/grpc", True), ("application/grpc+proto", True), ("application/grpc-web", False)],
)
def test_a_route_may_be_for_grpc_alone(kind: str, fits: bool) -> None:
    routes = table({"match": {"prefix": "/", "grpc": {}}})
    assert (taken(routes, headers=Known({"content-type": kind})) is not None) is fits
    assert routes.header_names() == {"content-type"}


def test_the_first_route_that_fits_counts() -> None:
    first = {"match": {"prefix": "/a", "headers": [{"name": "h"}]}}
    routes = table(first, {"match": {"prefix": "/a"}}, {"match": {"prefix": "/"}})
    assert taken(routes, "/a", headers=Known({"h": ""})) == "0"
    assert taken(routes, "/a") == "1"
    assert taken(routes, "/b") == "2"


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("example.com", "exact"),
        ("EXAMPLE.com:8080", "exact"),
        ("a.example.com", "suffix"),
        ("a.b.example.com:8080", "longer suffix"),
        ("example.org", "prefix"),
        (".example.com", "star"),
        ("localhost", "star"),
        ("[::1]:8080", "star"),
        ("", "star"),
    ],
)
def test_the_most_specific_domain_counts(host: str, name: str) -> None:
    domains = ["*", "example.*", "*.example.com", "*.b.example.com", "example.com"]
    names = ["star", "prefix", "suffix", "longer suffix", "exact"]
    routes = table(
        *(
            {"name": each, "match": {"prefix": "/"}, "domains": [domain]}
            for each, domain in zip(names, domains, strict=True)
        )
    )
    assert taken(routes, host=host) == name


def test_routes_of_another_domain_are_not_looked_at() -> None:
    one = {"match": {"prefix": "/x"}, "domains": ["a.com"]}
    routes = table(one, {"match": {"prefix": "/"}, "domains": ["*"]})
    assert taken(routes, "/x", "a.com") == "0"
    assert taken(routes, "/y", "a.com") is None


def test_routes_without_domains_are_for_every_host() -> None:
    one = {"match": {"prefix": "/x"}, "domains": ["a.com"]}
    routes = table({"match": {"prefix": "/h"}}, one, {"match": {"prefix": "/"}})
    assert taken(routes, "/h", "a.com") == "0"
    assert taken(routes, "/x", "a.com") == "1"
    assert taken(routes, "/x", "b.com") == "2"


def test_each_direction_has_its_routes() -> None:
    entries, _ = parsed(
        {"name": "any", "match": {"prefix": "/"}},
        {"name": "in", "match": {"prefix": "/"}, "traffic_direction": "INBOUND"},
        {"name": "out", "match": {"prefix": "/"}, "trafficDirection": "outbound"},
    )
    assert [route.name for route in Routes.from_config(entries)] == ["any", "in"]
    assert [route.name for route in Routes.from_config(entries, OUTBOUND)] == ["out"]


def test_no_routes_are_false() -> None:
    assert not Routes(())
    assert Routes(()).find("GET", "host", "/", NO_HEADERS) is None


def test_a_route_says_what_envoy_lets_it_say() -> None:
    tag = {"tag": "team", "literal": {"value": "red"}}
    tracing = {
        "clientSampling": {"numerator": 1},
        "random_sampling": {"numerator": "5", "denominator": "MILLION"},
        "overall_sampling": 12.5,
        "custom_tags": [tag],
        "operation": "%REQ(:METHOD)%",
        "upstreamOperation": "%ROUTE%",
    }
    [route] = table(
        {
            "name": "n",
            "match": {"prefix": "/"},
            "decorator": {"operation": "op", "propagate": False},
            "tracing": tracing,
            "metadata": {"filter_metadata": {"space": {"snakeNot": 1}}},
            "route": {"cluster": "c", "timeout": "5s"},
            "request_headers_to_add": [],
        }
    )
    assert (route.name, route.decorator, route.propagate) == ("n", "op", False)
    assert route.fractions is not None
    shares = route.fractions
    assert (shares.client, shares.client_of) == (1, 100)
    assert (shares.random, shares.random_of) == (5, 1000000)
    assert (shares.overall, shares.overall_of) == (1250, 10000)
    assert route.custom_tags == (tag,)
    assert (route.operation, route.upstream_operation) == ("%REQ(:METHOD)%", "%ROUTE%")
    assert route.metadata == {"space": {"snakeNot": 1}}
    assert route.cluster == "c"


def test_a_route_that_says_nothing() -> None:
    [route] = table({"name": "", "match": {"prefix": "/"}})
    assert (route.name, route.decorator, route.propagate) == ("", "", True)
    assert route.fractions is None
    assert (route.custom_tags, route.operation, route.upstream_operation) == ((), "", "")
    assert (route.metadata, route.cluster) == ({}, "")


def test_a_tracing_block_without_shares_takes_everything_all_the_same() -> None:
    """Envoy's rule: the three shares of a route replace the listener's as a group."""
    [route] = table({"match": {"prefix": "/"}, "tracing": {}})
    assert route.fractions is not None
    assert (route.fractions.random, route.fractions.random_of) == (100, 100)


@pytest.mark.parametrize(
    ("given", "fraction"),
    [
        (50, [5000, "TEN_THOUSAND"]),
        (0.01, [1, "TEN_THOUSAND"]),
        ({"value": 0.5}, [50, "TEN_THOUSAND"]),
        ({"numerator": 7}, [7, "HUNDRED"]),
        ({}, [0, "HUNDRED"]),
        ({"numerator": 7, "denominator": 2}, [7, "MILLION"]),
        ([7, "TEN_THOUSAND"], [7, "TEN_THOUSAND"]),
    ],
)
def test_a_share_is_a_fraction_or_percent(given: object, fraction: list[object]) -> None:
    [route], _ = parsed({"match": {"prefix": "/"}, "tracing": {"random_sampling": given}})
    assert route["tracing"]["random_sampling"] == fraction


def test_the_clients_percent_are_whole() -> None:
    [route], _ = parsed({"match": {"prefix": "/"}, "tracing": {"client_sampling": 0.9}})
    assert route["tracing"]["client_sampling"] == [0, "HUNDRED"]


def test_what_was_parsed_parses_to_the_same() -> None:
    entry = {
        "match": {"prefix": "/", "headers": [{"name": "A", "exactMatch": "x"}], "grpc": {}},
        "tracing": {"random_sampling": 5},
        "metadata": {"filterMetadata": {"a": {"b": 1}}},
        "domains": ["A.com"],
    }
    once, _ = parsed(entry)
    twice, complaints = parsed(*once)
    assert (once, complaints) == (twice, [])


# entry, part of the complaint
LEFT_OUT: list[tuple[object, str]] = [
    (7, "a JSON object is wanted"),
    ({}, 'it needs a "match"'),
    ({"match": {}}, "exactly one out of prefix, path"),
    ({"match": {"prefix": "/", "path": "/"}}, "exactly one out of prefix, path"),
    ({"match": {"prefx": "/"}}, "did you mean prefix?"),
    ({"match": {"prefix": 1}}, '"prefix" is to be a text'),
    ({"match": {"safe_regex": {"regex": "("}}}, "is no regular expression"),
    ({"match": {"safe_regex": "/x"}}, "a JSON object is wanted"),
    ({"match": {"safe_regex": {"regex": "a"}, "case_sensitive": False}}, "(?i)"),
    ({"match": {"prefix": "/", "query_parameters": []}}, "cannot be looked at here"),
    ({"match": {"prefix": "/", "queryParameters": []}}, "cannot be looked at here"),
    ({"match": {"prefix": "/", "case_sensitive": 1}}, "is true or false"),
    ({"match": {"prefix": "/", "headers": {}, "x": 1}}, '"match" has no field "x"'),
    ({"match": {"prefix": "/", "headers": "x"}}, '"headers" of "match" is to be a list'),
    ({"match": {"prefix": "/", "headers": [{}]}}, '"name" is to be a text'),
    ({"match": {"prefix": "/", "headers": [{"name": ":scheme"}]}}, ":method, :path"),
    ({"match": {"prefix": "/", "headers": [{"name": "h", "exactmatch": "x"}]}}, "exact_match?"),
    (
        {
            "match": {
                "prefix": "/",
                "headers": [{"name": "h", "exact_match": "", "prefix_match": ""}],
            }
        },
        "more than one condition",
    ),
    ({"match": {"prefix": "/", "headers": [{"name": "h", "string_match": {}}]}}, "exactly one"),
    (
        {"match": {"prefix": "/", "headers": [{"name": "h", "range_match": {"start": "x"}}]}},
        "whole number",
    ),
    ({"match": {"prefix": "/"}, "decorator": {}}, '"operation" is to be a text'),
    (
        {"match": {"prefix": "/"}, "decorator": {"operation": "o", "propagate": "no"}},
        "true or false",
    ),
    ({"match": {"prefix": "/"}, "domains": []}, "such as"),
    ({"match": {"prefix": "/"}, "domains": ["a.*.com"]}, "one * only"),
    ({"match": {"prefix": "/"}, "traffic_direction": "INBOND"}, "did you mean INBOUND?"),
    ({"match": {"prefix": "/"}, "metadata": {"filter_metadata": {"a": 1}}}, "each namespace"),
    ({"match": {"prefix": "/"}, "name": 7}, '"name" is to be a text'),
]


@pytest.mark.parametrize(("entry", "said"), LEFT_OUT)
def test_a_route_that_cannot_be_is_left_out(entry: object, said: str) -> None:
    found, complaints = parsed({"match": {"prefix": "/"}}, entry)
    assert len(found) == 1
    [complaint] = complaints
    assert complaint.startswith("entry 2 is left out: ")
    assert said in complaint


# what a route says beside its match, part of the complaint
PARTS: list[tuple[dict[str, Any], str]] = [
    ({"decorater": {"operation": "x"}}, "did you mean decorator?"),
    ({"tracing": {"random_samplin": 5}}, "did you mean random_sampling?"),
    ({"tracing": {"random_sampling": 101}}, "percent are wanted"),
    ({"tracing": {"random_sampling": True}}, "percent are wanted"),
    ({"tracing": {"random_sampling": {"numerator": -1}}}, "whole number"),
    ({"tracing": {"random_sampling": {"denominator": "HUNDERT"}}}, "did you mean HUNDRED?"),
    ({"tracing": {"random_sampling": {"nominator": 1}}}, '"nominator" is unknown'),
    ({"tracing": {"custom_tags": [{"tag": "t"}]}}, "exactly one source"),
    ({"tracing": {"operation": "%NO_SUCH%"}}, "unknown command"),
]


@pytest.mark.parametrize(("part", "said"), PARTS)
def test_of_a_route_with_a_wrong_part_the_rest_counts(part: dict[str, Any], said: str) -> None:
    found, complaints = parsed({"match": {"prefix": "/"}, **part})
    assert len(found) == 1
    [complaint] = complaints
    assert complaint.startswith("entry 1: ")
    assert said in complaint


def test_routes_come_as_text_too() -> None:
    assert len(configured.parse('[{"match": {"prefix": "/"}}]', lambda fault: None)) == 1


@pytest.mark.parametrize("value", ["[", "[" * 100000, "{}", 7, None])
def test_what_is_no_list_is_invalid(value: object) -> None:
    with pytest.raises(Invalid, match="list"):
        configured.parse(value, lambda fault: None)


WORDS = st.sampled_from(
    (
        *("match", "prefix", "headers", "name", "tracing", "random_sampling", "numerator"),
        *("decorator", "operation", "safe_regex", "regex", "domains", "metadata", "custom_tags"),
    )
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(WORDS | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(ANYTHING)
def test_nothing_raises_but_invalid(value: object) -> None:
    try:
        found = configured.parse(value, lambda fault: None)
    except Invalid:
        return
    Routes(found).find("GET", "host", "/", NO_HEADERS)


@given(ANYTHING, ANYTHING)
def test_no_part_of_a_route_raises(match: object, tracing: object) -> None:
    entry = {"match": match, "tracing": tracing, "route": tracing, "domains": match}
    found, _ = parsed(entry, {"match": {"prefix": "/", "headers": [match]}})
    Routes(found).find("GET", "host", "/", NO_HEADERS)


@given(st.text(), st.text(), st.text())
def test_no_request_raises(method: str, host: str, path: str) -> None:
    match = {
        "prefix": "/",
        "headers": [{"name": ":authority", "safe_regex_match": {"regex": ".*"}}],
    }
    routes = table({"match": match, "domains": ["*.a"]}, {"match": {"path": "/"}, "domains": ["b"]})
    routes.find(method, host, path, NO_HEADERS)
