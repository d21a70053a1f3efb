"""Whom to believe, by Envoy's documented examples and its tests."""

from __future__ import annotations

import subprocess
import sys

import pytest

from autotrace.headers import Known, Names, capture_pairs
from autotrace.trust import (
    AT_THE_EDGE,
    Trust,
    appended,
    believed_of_nobody,
    forwarded_for,
    trusted_address,
    user_agent,
)

RANGES = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "fc00::/7", "::1/128")
FOUR = "203.0.113.128, 203.0.113.10, 203.0.113.1, 192.0.2.5"
THREE = "203.0.113.128, 203.0.113.10, 203.0.113.1"

# use_remote_address, hops, peer, x-forwarded-for, trusted address, internal, edge
EXAMPLES = [
    (True, 0, "192.0.2.5", THREE, "192.0.2.5", False, True),
    (False, 0, "10.11.12.13", FOUR, "192.0.2.5", False, False),
    (True, 2, "192.0.2.5", THREE, "203.0.113.10", False, True),
    (False, 2, "10.11.12.13", FOUR, "203.0.113.10", False, False),
    (False, 0, "10.20.30.40", None, "10.20.30.40", False, False),
    (False, 0, "10.20.30.50", "10.20.30.40", "10.20.30.40", True, False),
    # Further than the documentation goes.
    (True, 0, "10.0.0.1", None, "10.0.0.1", True, False),
    (True, 0, "10.0.0.1", "10.0.0.2", "10.0.0.1", False, True),
    (True, 0, "10.0.0.1", "", "10.0.0.1", False, True),
    (True, 1, "203.0.113.128", "198.51.100.1", "198.51.100.1", False, True),
    (True, 3, "203.0.113.128", "198.51.100.1", "203.0.113.128", False, True),
    (False, 1, "127.0.0.1", "198.51.100.2, 198.51.100.1", "198.51.100.2", False, False),
    (False, 1, "10.0.0.1", "10.0.0.2", "10.0.0.1", False, False),
    (False, 0, "10.0.0.9", "10.0.0.2, 10.0.0.1", "10.0.0.1", False, False),
    (False, 0, "10.0.0.9", "  10.0.0.2\t", "10.0.0.2", True, False),
    (False, 0, "10.0.0.9", "8.8.8.8", "8.8.8.8", False, False),
    # What is no address does not make its sender one.
    (False, 0, "10.0.0.9", "unknown", "10.0.0.9", False, False),
    (False, 0, "10.0.0.9", "10.0.0.2,", "10.0.0.9", False, False),
    (False, 0, "10.0.0.9", "10.0.0.2:8080", "10.0.0.9", False, False),
    (False, 0, "10.0.0.9", "", "10.0.0.9", False, False),
    (True, 0, "", None, "", False, True),
    # IPv6, and IPv4 on an IPv6 socket.
    (False, 0, "::1", "fd00::7", "fd00::7", True, False),
    (True, 0, "::ffff:10.1.2.3", None, "::ffff:10.1.2.3", True, False),
    (True, 0, "2001:db8::1", None, "2001:db8::1", False, True),
]


@pytest.mark.parametrize(
    ("use_remote_address", "hops", "peer", "forwarded_for", "address", "internal", "edge"),
    EXAMPLES,
)
def test_classification(
    use_remote_address: bool,
    hops: int,
    peer: str,
    forwarded_for: str | None,
    address: str,
    internal: bool,
    edge: bool,
) -> None:
    trust = Trust(use_remote_address, hops, RANGES)
    assert (
        trust.trusted_address(peer, forwarded_for),
        trust.is_internal(peer, forwarded_for),
        trust.is_edge(peer, forwarded_for),
    ) == (address, internal, edge)


def test_without_ranges_nobody_is_internal() -> None:
    assert not Trust(False, 0, ()).is_internal("10.0.0.1", "10.0.0.1")


def test_the_same_answer_comes_from_memory() -> None:
    trust = Trust(False, 0, RANGES)
    assert [trust.has("10.0.0.1") for _ in range(2)] == [True, True]


def test_memory_is_bounded() -> None:
    trust = Trust(False, 0, RANGES)
    for number in range(3000):
        trust.has(f"10.0.{number // 256}.{number % 256}")
    assert len(trust._internal) <= 1024


@pytest.mark.parametrize("hostile", ["1" * 100000, "," * 100000, "\x00", "\ud800", "\u0661.0.0.1"])
def test_hostile_values_fall_back_to_the_peer(hostile: str) -> None:
    assert trusted_address("10.0.0.1", hostile, False, 0) == "10.0.0.1"


def test_ipaddress_is_imported_only_when_an_address_is_judged() -> None:
    code = (
        "import sys; from autotrace.trust import Trust; t = Trust(False, 0, ['10.0.0.0/8']);"
        "t.is_internal('10.0.0.1', None); assert 'ipaddress' not in sys.modules;"
        "t.is_internal('10.0.0.1', '10.0.0.1'); assert 'ipaddress' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_what_came_in_several_lines_is_one_list() -> None:
    """Else a client's own line would count, and the one that a proxy added would not."""
    pairs = [("X-Forwarded-For", "10.0.0.1"), ("x-forwarded-for", "8.8.8.8")]
    known = capture_pairs(pairs, Names(["x-forwarded-for"]))
    assert forwarded_for(known) == "10.0.0.1,8.8.8.8"
    assert not Trust(False, 0, RANGES).mutate("10.0.0.9", known).internal


def test_no_list_is_not_an_empty_one() -> None:
    assert forwarded_for(Known()) is None
    assert forwarded_for(Known({"x-forwarded-for": ""})) == ""


@pytest.mark.parametrize(
    ("internal", "edge", "name", "removed"),
    [
        (True, False, "x-envoy-internal", True),
        (True, False, "x-envoy-force-trace", False),
        (True, False, "x-envoy-retry-on", False),
        (False, False, "x-envoy-internal", True),
        (False, False, "x-envoy-force-trace", True),
        (False, False, "x-envoy-decorator-operation", False),
        (False, False, "x-envoy-downstream-service-cluster", False),
        (False, False, "x-envoy-retry-on", True),
        (False, False, "x-envoy-max-retries", True),
        (False, True, "x-envoy-decorator-operation", True),
        (False, True, "x-envoy-downstream-service-node", True),
        (False, True, "x-envoy-upstream-rq-timeout-ms", True),
        (False, True, "x-envoy-original-path", False),
        (False, True, "traceparent", False),
        (False, True, "x-client-trace-id", False),
    ],
)
def test_what_each_class_of_request_loses(
    internal: bool, edge: bool, name: str, removed: bool
) -> None:
    assert (name in believed_of_nobody([name], internal, edge)) is removed


def test_an_outsider_at_the_edge_is_named_and_appended() -> None:
    known = Known(dict.fromkeys(AT_THE_EDGE, "x"), **{"x-forwarded-for": "8.8.8.8"})
    edge = Trust(True, 0, RANGES).mutate("34.0.0.1", known)
    assert edge.removed == AT_THE_EDGE
    assert edge.written == {
        "x-envoy-external-address": "34.0.0.1",
        "x-forwarded-for": "8.8.8.8,34.0.0.1",
    }


def test_an_internal_request_is_marked_as_such() -> None:
    edge = Trust(True, 0, RANGES).mutate("10.0.0.1", Known(), appends=False)
    assert edge.written == {"x-envoy-internal": "true"}


def test_where_we_are_not_the_edge_the_list_stays_as_it_is() -> None:
    edge = Trust(False, 0, RANGES).mutate("34.0.0.1", Known({"x-forwarded-for": "8.8.8.8"}))
    assert edge.written == {}


def test_a_peer_without_an_address_is_not_appended() -> None:
    assert Trust(True, 0, RANGES).mutate("", Known()).written == {"x-envoy-external-address": ""}


@pytest.mark.parametrize(
    ("came_for", "peer", "own", "appended_to"),
    [
        (None, "34.0.0.1", "10.1.1.1", "34.0.0.1"),
        ("8.8.8.8", "127.0.0.1", "10.1.1.1", "8.8.8.8,10.1.1.1"),
        ("8.8.8.8", "::1", "10.1.1.1", "8.8.8.8,10.1.1.1"),
        ("8.8.8.8", "127.0.0.1", "", "8.8.8.8,127.0.0.1"),
        ("", "nobody", "10.1.1.1", "nobody"),
    ],
)
def test_a_peer_on_this_machine_is_named_as_we_are(
    came_for: str | None, peer: str, own: str, appended_to: str
) -> None:
    assert appended(came_for, peer, own) == appended_to


@pytest.mark.parametrize(
    ("given", "node", "written"),
    [
        ({}, "n", {"user-agent": "s", "x-envoy-downstream-service-node": "n"}),
        ({"user-agent": ""}, "", {"user-agent": "s"}),
        ({"user-agent": "curl", "x-envoy-downstream-service-cluster": "other"}, "", {}),
    ],
)
def test_who_calls(given: dict[str, str], node: str, written: dict[str, str]) -> None:
    expected = {"x-envoy-downstream-service-cluster": "s", **written}
    assert user_agent(Known(given), "s", node) == expected
