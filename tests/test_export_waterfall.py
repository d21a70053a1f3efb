"""Traces as text: the whole picture is compared."""

from __future__ import annotations

import re
from typing import Any

from autotrace.export.waterfall import from_zipkin, waterfall

MS = 1_000_000


def span(
    service: str, span_id: str, parent_id: str, start: float, length: float, **others: Any
) -> dict[str, Any]:
    """A plain span; times in milliseconds."""
    return {
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "span_id": span_id,
        "parent_id": parent_id,
        "name": others.pop("name", service),
        "kind": others.pop("kind", "server"),
        "service": service,
        "start": int(start * MS),
        "duration_ns": int(length * MS),
        "status": others.pop("status", "unset"),
        "status_message": "",
        "tags": others.pop("tags", {}),
        **others,
    }


GET_200 = {"http.method": "GET", "http.status_code": "200", "response_flags": "-"}
GET_503 = {"http.method": "GET", "http.status_code": "503", "response_flags": "UF"}

TRACE = [
    # In no order, as they arrive from several processes.
    span("prices", "c", "b", 12, 6, tags=GET_200),
    span("shop", "a", "", 0, 40, tags=GET_200),
    span("shop", "d", "a", 20, 20, kind="client", name="stock", tags=GET_503, status="error"),
    span("shop", "b", "a", 10, 10, kind="client", name="prices", tags=GET_200),
]


def test_three_calls_across_two_services() -> None:
    assert waterfall(TRACE, 78) == [
        "trace 4bf92f3577b34da6a3ce929d0e0e4736  4 spans, 2 services, 40.0 ms",
        "shop    ▸ GET shop        200     40.0 ms  ███████████████████████████████████",
        "shop      → GET prices    200     10.0 ms          █████████",
        "prices      ▸ GET prices  200      6.0 ms            █████",
        "shop      → GET stock     503 UF  20.0 ms                   ██████████████████",
    ]


def test_no_line_is_wider_than_asked_for() -> None:
    long = [{**each, "name": "n" * 300, "service": "s" * 50} for each in TRACE]
    for width in (72, 80, 200):
        assert max(map(len, waterfall(long, width))) <= width


def test_colours_change_nothing_but_the_colour() -> None:
    coloured = waterfall(TRACE, 78, colours=True)
    assert [re.sub(r"\x1b\[\d+m", "", line) for line in coloured] == waterfall(TRACE, 78)
    assert "\x1b[31m503 UF" in coloured[-1]


def test_every_trace_has_its_heading() -> None:
    other = {**TRACE[1], "trace_id": "b"}
    lines = waterfall([TRACE[1], other], 78)
    assert [line for line in lines if line.startswith("trace")] == [
        "trace 4bf92f3577b34da6a3ce929d0e0e4736  1 span, 1 service, 40.0 ms",
        "trace b  1 span, 1 service, 40.0 ms",
    ]
    assert lines[2] == ""


def test_a_span_without_its_parent_is_a_root() -> None:
    assert len(waterfall([TRACE[0], TRACE[2]], 78)) == 3


def test_a_span_that_is_its_own_ancestor_is_shown_all_the_same() -> None:
    loop = [span("a", "1", "2", 0, 1), span("a", "2", "1", 0, 1), span("a", "3", "3", 0, 1)]
    assert len(waterfall(loop, 78)) == 4


def test_a_deep_trace() -> None:
    deep = [span("a", str(n), str(n - 1) if n else "", n, 1) for n in range(3000)]
    assert len(waterfall(deep, 78)) == 3001


def test_nothing_is_nothing() -> None:
    assert waterfall([], 78) == []


def test_spans_without_any_length() -> None:
    assert waterfall([span("a", "1", "", 0, 0)], 40)[1] == "a  ▸ a    0 µs  █"


def test_a_server_that_shares_its_callers_id_is_below_it() -> None:
    shared = [
        span("prices", "b", "a", 2, 2, shared=True),
        span("prices", "c", "b", 3, 1, kind="internal", name="lookup"),
        span("shop", "b", "a", 1, 4, kind="client", name="prices"),
        span("shop", "a", "", 0, 6),
    ]
    assert [line[:20].rstrip() for line in waterfall(shared, 78)[1:]] == [
        "shop    ▸ shop",
        "shop      → prices",
        "prices      ▸ prices",
        "prices        · look",
    ]


def test_a_span_of_zipkin() -> None:
    plain = from_zipkin(
        {
            "traceId": "t",
            "id": "s",
            "parentId": "p",
            "kind": "CLIENT",
            "name": "prices",
            "timestamp": 5,
            "duration": 7,
            "localEndpoint": {"serviceName": "shop"},
            "tags": {"error": "reset"},
            "shared": True,
        }
    )
    assert plain == {
        "trace_id": "t",
        "span_id": "s",
        "parent_id": "p",
        "shared": True,
        "name": "prices",
        "kind": "client",
        "service": "shop",
        "start": 5000,
        "duration_ns": 7000,
        "status": "error",
        "status_message": "reset",
        "tags": {"error": "reset"},
        "events": [],
        "links": [],
    }
    assert from_zipkin({"traceId": "t", "id": "s"})["kind"] == "internal"
