"""Whom to believe, by Envoy's documented examples and its tests."""

from __future__ import annotations

import subprocess
import sys

import pytest

from autotrace.trust import Trust, trusted_address

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
