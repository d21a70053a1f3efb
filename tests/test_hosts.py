"""Hosts inside and outside."""

from __future__ import annotations

import pytest

from autotrace.hosts import Hosts, parse

INSIDE = (
    *("reviews", "localhost", "LOCALHOST", "", "redis-0"),
    *("reviews.default.svc", "reviews.default.svc.cluster.local", "reviews.default.svc.my.org"),
    *("printer.local", "ip-10-0-0-1.ec2.internal", "metadata.google.internal.", "a.lan"),
    *("127.0.0.1", "127.9.9.9", "::1", "[::1]", "10.1.2.3", "172.16.0.1", "192.168.1.1"),
    *("/run/shop.sock", "//authority/run/a.b"),
    *("169.254.169.254", "100.64.0.1", "fd00::1", "fe80::1%eth0", "::ffff:10.0.0.1"),
)
OUTSIDE = (
    *("api.example.com", "API.Example.COM.", "example.com", "reviews.default", "svc.example.com"),
    *("8.8.8.8", "172.32.0.1", "2001:4860:4860::8888", "[2001:4860:4860::8888]"),
    # In other words, 8.8.8.8.
    *("::ffff:8.8.8.8", "134744072", "0x08080808", "010.8.8.8", "8.8.2056"),
    *("x.localx", "notlocal.com"),
)


@pytest.mark.parametrize("host", INSIDE)
def test_what_cannot_be_public_is_inside(host: str) -> None:
    assert Hosts().has(host, 80)


@pytest.mark.parametrize("host", OUTSIDE)
def test_what_may_be_public_is_outside(host: str) -> None:
    assert not Hosts().has(host, 80)


@pytest.mark.parametrize(
    ("rule", "host", "port", "matches"),
    [
        ("api.example.com", "api.example.com", 443, True),
        ("API.example.com", "api.EXAMPLE.com.", None, True),
        ("api.example.com", "x.api.example.com", 443, False),
        ("*.example.com", "api.example.com", 443, True),
        (".example.com", "a.b.example.com", 443, True),
        ("*.example.com", "example.com", 443, False),
        ("*.example.com", "badexample.com", 443, False),
        ("api.example.com:8443", "api.example.com", 8443, True),
        ("api.example.com:8443", "api.example.com", 443, False),
        ("api.example.com:8443", "api.example.com", None, False),
        ("8.8.8.0/24", "8.8.8.9", None, True),
        ("8.8.0.0/16:53", "8.8.8.8", 53, True),
        ("8.8.0.0/16:53", "8.8.8.8", 80, False),
        ("8.8.8.8", "8.8.8.8", 80, True),
        ("8.8.0.0/16", "2606:4700::1", 80, False),
        ("2001:4860::/32", "[2001:4860:4860::8888]", 80, True),
        ("[2001:4860:4860::8888]:443", "2001:4860:4860::8888", 443, True),
        ("[2001:4860:4860::8888]:443", "2001:4860:4860::8888", 80, False),
        ("*", "anything.example.org", 80, True),
        ("*:8443", "anything.example.org", 80, False),
    ],
)
def test_a_rule_lists_hosts(rule: str, host: str, port: int | None, matches: bool) -> None:
    assert Hosts(inside=[rule]).has(host, port) is matches


def test_what_is_listed_as_outside_is_outside_in_any_case() -> None:
    hosts = Hosts(inside=["*"], outside=["*.secret.internal", "10.9.0.0/16"])
    assert hosts.has("api.example.com", None) and hosts.has("10.8.0.1", None)
    assert not hosts.has("x.secret.internal", None) and not hosts.has("10.9.0.1", None)


@pytest.mark.parametrize(
    "text",
    ["", "a b", "http://x", "*x.com", "a.*.com", "x:0", "x:http", "10.0.0.0/99", "a..b", "x:"],
)
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse(text)


def test_what_is_remembered_stays_little() -> None:
    hosts = Hosts()
    for number in range(5000):
        assert not hosts.has(f"h{number}.example.com", 80)
    assert len(hosts._remembered) <= 1024


def test_a_host_is_decided_about_once() -> None:
    hosts = Hosts(inside=["x.example.com"])
    hosts.has("x.example.com", 80)
    hosts._inside.clear()
    assert hosts.has("x.example.com", 8080)
