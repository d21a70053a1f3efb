"""The one view over header containers."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc

import pytest

from autotrace.headers import Known, Names, capture_bytes, capture_environ, capture_pairs

NAMES = Names(("traceparent", "tracestate", "uber-trace-id"), {"uber-trace-id": "uberctx-"})


def test_an_environ_gives_only_known_names_in_lower_case() -> None:
    environ = {"HTTP_TRACEPARENT": "00-A", "HTTP_HOST": "h", "PATH_INFO": "/", "traceparent": "x"}
    assert capture_environ(environ, NAMES) == {"traceparent": "00-A"}


def test_values_of_an_environ_that_are_no_text_are_left_alone() -> None:
    assert capture_environ({"HTTP_TRACEPARENT": b"00"}, NAMES) == {}


def test_a_family_is_captured_when_its_header_announces_it() -> None:
    family = {"HTTP_UBERCTX_USER_ID": "7", "HTTP_UBERCTX_A": "b"}
    assert capture_environ(family, NAMES) == {}
    announced = capture_environ({"HTTP_UBER_TRACE_ID": "1:2:0:1", **family}, NAMES)
    assert announced == {"uber-trace-id": "1:2:0:1", "uberctx-user-id": "7", "uberctx-a": "b"}


def test_a_secondary_name_is_captured_with_one_of_its_own_only() -> None:
    first = frozenset(("traceparent",))
    names = Names(("traceparent", "tracestate", "b3"), secondary={"tracestate": first})
    alone = {"HTTP_TRACESTATE": "a=1", "HTTP_B3": "0"}
    assert capture_environ(alone, names) == {"b3": "0"}
    whole = capture_environ({**alone, "HTTP_TRACEPARENT": "00-A"}, names)
    assert whole == {"tracestate": "a=1", "b3": "0", "traceparent": "00-A"}
    assert capture_environ({"HTTP_TRACESTATE": "a=1"}, names) == {}


def test_environs_with_the_same_headers_have_the_same_names() -> None:
    environ = {"HTTP_TRACESTATE": "a=1", "HTTP_TRACEPARENT": "00-A"}
    backwards = dict(reversed(environ.items()))
    names = capture_environ(environ, NAMES).names
    assert names == tuple(capture_environ(environ, NAMES))
    assert capture_environ(backwards, NAMES).names is names


@pytest.mark.parametrize("last", ["nothing", "less", "the same", "more", "other"])
def test_what_is_captured_does_not_hang_on_the_environ_before(last: str) -> None:
    first = frozenset(("traceparent", "b3"))
    names = Names(("traceparent", "tracestate", "b3"), secondary={"tracestate": first})
    environ = {"HTTP_TRACEPARENT": "00-A", "HTTP_TRACESTATE": "a=1"}
    before = {
        "nothing": {"HTTP_HOST": "h"},
        "less": {"HTTP_TRACEPARENT": "00-B"},
        "the same": {"HTTP_TRACEPARENT": "00-B", "HTTP_TRACESTATE": "b=2"},
        "more": {**environ, "HTTP_B3": "0"},
        "other": {"HTTP_B3": "0", "HTTP_TRACESTATE": "c=3"},
    }
    capture_environ(before[last], names)
    known = capture_environ(environ, names)
    assert known == {"traceparent": "00-A", "tracestate": "a=1"}
    assert known.names == ("traceparent", "tracestate")


def test_many_sets_of_names_do_not_fill_the_memory() -> None:
    names = Names([f"x-{number}" for number in range(1000)])
    for number in range(999):
        environ = {f"HTTP_X_{number}": "a", f"HTTP_X_{number + 1}": "b"}
        assert len(capture_environ(environ, names)) == 2
    assert len(names.layouts) < 300


def test_an_environ_of_any_size_gives_its_known_names() -> None:
    environ = {**{f"HTTP_X_{number}": "" for number in range(5000)}, "HTTP_TRACEPARENT": "00-A"}
    assert capture_environ(environ, NAMES) == {"traceparent": "00-A"}


def test_a_family_has_no_more_members_than_a_request_has_headers() -> None:
    family = {f"HTTP_UBERCTX_{number}": "x" for number in range(5000)}
    announced = capture_environ({"HTTP_UBER_TRACE_ID": "1:2:0:1", **family}, NAMES)
    assert 100 < len(announced) < 1000


def test_pairs_keep_repeated_names_in_their_order() -> None:
    pairs = [("TraceState", "a=1"), ("Host", "h"), ("tracestate", "b=2"), ("traceparent", "00")]
    known = capture_pairs(pairs, NAMES)
    assert known["tracestate"] == "a=1"
    assert known.all("tracestate") == ["a=1", "b=2"]
    assert known.pairs() == [("tracestate", "a=1"), ("tracestate", "b=2"), ("traceparent", "00")]


def test_pairs_give_the_family_too() -> None:
    known = capture_pairs([("Uberctx-A", "b"), ("Uber-Trace-Id", "1:2:0:1")], NAMES)
    assert known == {"uber-trace-id": "1:2:0:1", "uberctx-a": "b"}


def test_bytes_give_only_known_names() -> None:
    assert capture_bytes([(b"host", b"h"), (b"traceparent", b"00-\xe4")], NAMES) == {
        "traceparent": "00-\xe4"
    }
    assert capture_bytes([(b"host", b"h")], NAMES) == {}


def test_bytes_keep_repeated_names_in_their_order() -> None:
    pairs = [(b"tracestate", b"a=1"), (b"cookie", b"c"), (b"tracestate", b"b=2"), (b"cookie", b"d")]
    known = capture_bytes(pairs, NAMES)
    assert known == {"tracestate": "a=1"}
    assert known.all("tracestate") == ["a=1", "b=2"]


def test_bytes_may_be_in_any_case() -> None:
    for key in (b"TraceParent", b"TRACEPARENT"):
        assert capture_bytes([(b"Host", b"h"), (key, b"00")], NAMES) == {"traceparent": "00"}
    # Two names in one, which is none.
    assert capture_bytes([(b"host\ntraceparent", b"1"), (b"traceparent", b"2")], NAMES) == {
        "traceparent": "2"
    }


def test_bytes_give_the_family_too() -> None:
    known = capture_bytes([(b"uberctx-a", b"b"), (b"uber-trace-id", b"1:2:0:1")], NAMES)
    assert known == {"uber-trace-id": "1:2:0:1", "uberctx-a": "b"}


@pytest.mark.parametrize("turns", [1, 3])
def test_the_same_names_in_another_order_or_number_are_read_anew(turns: int) -> None:
    lists: tuple[list[tuple[bytes, bytes]], ...] = (
        [(b"host", b"h"), (b"traceparent", b"1"), (b"tracestate", b"2")],
        [(b"tracestate", b"3"), (b"traceparent", b"4"), (b"host", b"h")],
        [(b"traceparent", b"5")],
        [(b"host", b"h"), (b"traceparent", b"6"), (b"traceparent", b"7")],
        [(b"host", b"h")],
        [],
    )
    expected: tuple[dict[str, list[str]], ...] = (
        {"traceparent": ["1"], "tracestate": ["2"]},
        {"traceparent": ["4"], "tracestate": ["3"]},
        {"traceparent": ["5"]},
        {"traceparent": ["6", "7"]},
        {},
        {},
    )
    for _ in range(turns):
        for pairs, values in zip(lists, expected, strict=True):
            texts = [(name.decode().title(), value.decode()) for name, value in pairs]
            for known in (capture_bytes(pairs, NAMES), capture_pairs(texts, NAMES)):
                assert {name: known.all(name) for name in known} == values


def test_ever_new_names_do_not_fill_the_memory() -> None:
    names = Names(("traceparent",))
    for number in range(1000):
        pairs = [(f"x-{number}", ""), ("traceparent", "00"), ("x-long", "")]
        assert capture_pairs(pairs, names) == {"traceparent": "00"}
        assert capture_bytes([(b"n" * 10_000 + str(number).encode(), b"")], names) == {}
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(1000):
        capture_bytes([(b"n" * 10_000 + str(number).encode(), b"")], names)
        capture_pairs([(f"y-{number}", "")], names)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 300_000


def test_a_flood_of_headers_is_read_as_far_as_a_server_would() -> None:
    flood = [(f"x-{number}", "v") for number in range(10_000)]
    for pairs, expected in (
        ([*flood[:500], ("traceparent", "00"), *flood], {"traceparent": "00"}),
        ([*flood, ("traceparent", "00")], {}),
        ([("n" * 1_000_000, ""), ("traceparent", "00")], {"traceparent": "00"}),
        ([("uber-trace-id", "1"), ("uberctx-" + "n" * 10_000, "")], {"uber-trace-id": "1"}),
    ):
        raw = [(name.encode(), value.encode()) for name, value in pairs]
        assert capture_pairs(pairs, NAMES) == capture_bytes(raw, NAMES) == expected


def test_text_and_bytes_are_never_compared() -> None:
    code = (
        "from autotrace.headers import Names, capture_bytes, capture_pairs\n"
        "names = Names(('traceparent',))\n"
        "for _ in range(3):\n"
        "    assert capture_bytes([(b'host', b''), (b'traceparent', b'a')], names)\n"
        "    assert capture_pairs([('host', ''), ('traceparent', 'a')], names)\n"
    )
    subprocess.run([sys.executable, "-bb", "-c", code], check=True, timeout=60)


def test_a_name_that_did_not_arrive_has_no_values() -> None:
    assert Known().all("traceparent") == []
    assert Known().pairs() == []
