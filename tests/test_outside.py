"""What hosts outside are told."""

from __future__ import annotations

import pytest

from autotrace.call import Outbound, Pairs
from autotrace.facts import ClientRequest
from autotrace.headers import Known
from autotrace.hosts import Hosts
from autotrace.outside import SENT, Outside, destination
from autotrace.propagation import ot
from tests.propagation_spans import Outgoing

PAIRS: Pairs = [
    ("traceparent", "00-1"),
    ("tracestate", "a=b"),
    ("x-b3-traceid", "1"),
    ("sw8", "1-"),
    ("sw8-correlation", "dXNlcg==:YWxpY2U="),
    ("x-request-id", "order-7"),
    ("baggage", "user=alice"),
    ("ot-baggage-user", "alice"),
    ("uberctx-user", "alice"),
    ("end-user", "alice"),
    ("x-envoy-downstream-service-cluster", "shop"),
]


def outside(choice: str) -> Outside:
    sent = SENT[choice]
    assert sent is not None
    return Outside(Hosts(), sent)


def told(choice: str, host: str, pairs: Pairs = PAIRS) -> list[str]:
    out = Outbound(None, pairs, {name for name, _ in pairs} | {"b3"}, frozenset())
    fitted = outside(choice).fitted(out, ClientRequest("GET", "https", host, 443, "/"))
    return [name for name, _ in fitted.pairs]


def test_a_host_inside_is_told_everything() -> None:
    assert told("ids", "reviews") == [name for name, _ in PAIRS]


def test_a_host_outside_is_told_the_trace() -> None:
    assert told("ids", "api.example.com") == [
        *("traceparent", "tracestate", "x-b3-traceid", "sw8", "x-request-id"),
    ]


@pytest.mark.parametrize(("choice", "names"), [("traceparent", ["traceparent"]), ("none", [])])
def test_less_is_told_where_less_is_wanted(choice: str, names: list[str]) -> None:
    assert told(choice, "api.example.com") == names
    assert outside(choice).confines(Known())


def test_what_the_program_puts_there_itself_is_its_own_business() -> None:
    """Only what we send takes the place of something."""
    out = Outbound(None, PAIRS, {"baggage", "b3", "traceparent"}, frozenset())
    request = ClientRequest("GET", "https", "api.example.com", 443, "/")
    fitted = outside("ids").fitted(out, request)
    assert fitted.replaced == {"b3", "traceparent"}
    assert not fitted.replaces("baggage") and not fitted.replaces("end-user")


def test_baggage_is_taken_out_of_the_header_that_has_room_for_it() -> None:
    [(_, carrier)] = ot.inject(Outgoing("1" * 16, "2" * 16, sampled=1))
    full = ot.with_baggage(carrier, {"user": "alice"})
    out = Outbound(None, [("x-ot-span-context", full)], frozenset(), frozenset())
    request = ClientRequest("GET", "https", "api.example.com", 443, "/")
    assert outside("ids").fitted(out, request).pairs == [("x-ot-span-context", carrier)]


@pytest.mark.parametrize(
    ("names", "confines"),
    [
        (("traceparent", "x-request-id", "x-b3-sampled"), False),
        (("traceparent", "baggage"), True),
        (("x-ot-span-context",), True),
        (("uber-trace-id", "uberctx-a"), True),
        (("end-user",), True),
        ((), False),
    ],
)
def test_where_nothing_is_to_be_kept_inside_nobody_asks_for_the_host(
    names: tuple[str, ...], confines: bool
) -> None:
    assert outside("ids").confines(Known(dict.fromkeys(names, "1"))) is confines


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/a?u=http://x", ("proxy", 3128)),
        ("*", ("proxy", 3128)),
        ("http://api.example.com/a", ("api.example.com", None)),
        ("http://api.example.com:8080/a", ("api.example.com", 8080)),
        ("https://user:pw@api.example.com:8080?x", ("api.example.com", 8080)),
        ("http://[::1]:80/", ("[::1]", 80)),
        ("http://[::1]/", ("[::1]", None)),
    ],
)
def test_what_counts_is_whom_a_request_is_for(
    target: str, expected: tuple[str, int | None]
) -> None:
    assert destination(ClientRequest("GET", "http", "proxy", 3128, target)) == expected
