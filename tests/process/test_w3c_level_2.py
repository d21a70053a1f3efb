"""A small Flask and requests service under the agent, asked what W3C's test suite asks.

The descriptions are those of https://github.com/w3c/trace-context/blob/main/test/test.py, the
answers those of the specification, https://www.w3.org/TR/trace-context-2/. Where the two differ
(the suite still splits keys at their "@", as Level 1 did), the specification counts.
"""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import pytest

from tests.process import programs
from tests.process.programs import ask

pytest.importorskip("requests")

APPLICATION = """
import os, requests
from flask import Flask, jsonify, request

app = Flask(__name__)

@app.get("/")
def index():
    times = range(int(request.args.get("times", 1)))
    return jsonify([requests.get(os.environ["UPSTREAM"], timeout=20).json() for _ in times])

app.run(port=0)
"""

TRACE, PARENT = "12345678901234567890123456789012", "1234567890123456"
IDS = f"{TRACE}-{PARENT}"
VALID = f"00-{IDS}-01"
NOT_SAMPLED = f"00-{IDS}-00"
_traceparent = re.compile("00-([0-9a-f]{32})-([0-9a-f]{16})-(0[0-3])").fullmatch


class Echo(BaseHTTPRequestHandler):
    """Answers with the headers of the request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Tells the headers as a list of names and values."""
        body = json.dumps(self.headers.items()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


class Sent(NamedTuple):
    """What the service sent on: ids and flags, and the members of `tracestate` in their order."""

    trace_id: str
    parent_id: str
    flags: str
    tracestate: list[str]


Serve = Callable[..., list[Sent]]


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Asks the service with these header lines, and tells what each of its calls carried."""
    folder = tmp_path_factory.mktemp("service")
    (folder / "app.py").write_text(APPLICATION)
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as upstream:
        threading.Thread(target=upstream.serve_forever, daemon=True).start()
        variables = {
            "UPSTREAM": f"http://127.0.0.1:{upstream.server_port}/",
            "AUTOTRACE_EXPORTER": "none",
        }
        program = programs.start("autotrace-run", [sys.executable, "app.py"], folder, variables)
        port = int(program.says("Running on http").rpartition(":")[2])

        def serve(*lines: str, times: int = 1) -> list[Sent]:
            raw = [line.encode("latin-1") for line in lines]
            reply = ask(port, f"/?times={times}", raw)
            assert reply.status == 200
            return [sent(headers) for headers in json.loads(reply.body)]

        yield serve
        program.kill()
        upstream.shutdown()
    assert program.ours() == []


def sent(headers: list[list[str]]) -> Sent:
    """The trace context in these headers, which must be a valid one."""
    (traceparent,) = (value for name, value in headers if name.lower() == "traceparent")
    match = _traceparent(traceparent)
    assert match is not None, traceparent
    assert match[1] != "0" * 32
    assert match[2] != "0" * 16
    states = [value for name, value in headers if name.lower() == "tracestate"]
    members = [member.strip(" \t") for member in ",".join(states).split(",")]
    return Sent(match[1], match[2], match[3], [member for member in members if member])


def one(serve: Serve, *lines: str) -> Sent:
    """What the only call carried."""
    (only,) = serve(*lines)
    return only


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([], id="both_traceparent_and_tracestate_missing"),
        pytest.param([f"trace-parent: {VALID}"], id="header_name"),
        pytest.param([f"trace.parent: {VALID}"], id="header_name"),
        pytest.param([f"traceparent: {VALID}", f"traceparent: {VALID}"], id="duplicated"),
        pytest.param(
            [f"traceparent: {VALID}", f"traceparent: 00-{TRACE[:-1]}3-{PARENT}-01"],
            id="duplicated_with_another_trace",
        ),
        *(
            pytest.param([f"traceparent: {value}"], id=description)
            for description, value in [
                ("empty", ""),
                ("version_0x00_with_a_dot", f"{VALID}."),
                ("version_0x00_with_more", f"{VALID}-what-the-future-will-be-like"),
                ("version_0xcc_with_a_dot", f"cc-{IDS}-01.what-the-future-will-be-like"),
                ("version_0xff", f"ff-{IDS}-01"),
                ("version_0xff_with_more", f"ff-{IDS}-01-what-the-future-will-be-like"),
                ("version_illegal_characters", f".0-{IDS}-01"),
                ("version_illegal_characters", f"0.-{IDS}-01"),
                ("version_upper_case", f"CC-{IDS}-01"),
                ("version_too_long", f"000-{IDS}-01"),
                ("version_too_long", f"0000-{IDS}-01"),
                ("version_too_short", f"0-{IDS}-01"),
                ("trace_id_all_zero", f"00-{'0' * 32}-{PARENT}-01"),
                ("trace_id_illegal_characters", f"00-.{TRACE[1:]}-{PARENT}-01"),
                ("trace_id_illegal_characters", f"00-{TRACE[:-1]}.-{PARENT}-01"),
                ("trace_id_upper_case", f"00-{TRACE[:-1]}A-{PARENT}-01"),
                ("trace_id_too_long", f"00-{TRACE}3-{PARENT}-01"),
                ("trace_id_too_short", f"00-{TRACE[:-1]}-{PARENT}-01"),
                ("parent_id_all_zero", f"00-{TRACE}-{'0' * 16}-01"),
                ("parent_id_illegal_characters", f"00-{TRACE}-.{PARENT[1:]}-01"),
                ("parent_id_illegal_characters", f"00-{TRACE}-{PARENT[:-1]}.-01"),
                ("parent_id_too_long", f"00-{TRACE}-{PARENT}7-01"),
                ("parent_id_too_short", f"00-{TRACE}-{PARENT[:-1]}-01"),
                ("trace_flags_illegal_characters", f"00-{IDS}-.0"),
                ("trace_flags_illegal_characters", f"00-{IDS}-0."),
                ("trace_flags_upper_case", f"00-{IDS}-0F"),
                ("trace_flags_too_long", f"00-{IDS}-001"),
                ("trace_flags_too_short", f"00-{IDS}-1"),
                ("trace_flags_missing", f"00-{IDS}"),
            ]
        ),
    ],
)
def test_a_new_trace_begins(serve: Serve, lines: list[str]) -> None:
    found = one(serve, *lines, "tracestate: foo=1")
    assert found.trace_id not in (TRACE, f"{TRACE[:-1]}3", f"{TRACE[:-1]}a", f"{TRACE[1:]}3")
    # Of a trace that is not continued, the state is not either.
    assert found.tracestate == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("traceparent", VALID, id="included"),
        pytest.param("TraceParent", VALID, id="header_name_valid_casing"),
        pytest.param("TrAcEpArEnT", VALID, id="header_name_valid_casing"),
        pytest.param("TRACEPARENT", VALID, id="header_name_valid_casing"),
        pytest.param("traceparent", f"01-{IDS}-01", id="version_0x01"),
        pytest.param("traceparent", f"cc-{IDS}-01", id="version_0xcc"),
        pytest.param("traceparent", f"fe-{IDS}-01-", id="version_0xfe_with_nothing_more"),
        pytest.param(
            "traceparent", f"cc-{IDS}-01-what-the-future-will-be-like", id="version_0xcc_with_more"
        ),
        pytest.param("traceparent", f" {VALID}", id="ows_handling"),
        pytest.param("traceparent", f"\t{VALID}", id="ows_handling"),
        pytest.param("traceparent", f"{VALID} ", id="ows_handling"),
        pytest.param("traceparent", f"{VALID}\t", id="ows_handling"),
        pytest.param("traceparent", f"\t {VALID} \t", id="ows_handling"),
    ],
)
def test_a_trace_is_continued(serve: Serve, name: str, value: str) -> None:
    found = one(serve, f"{name}: {value}")
    assert found.trace_id == TRACE
    assert found.parent_id != PARENT
    assert (found.flags, found.tracestate) == ("01", [])


@pytest.mark.parametrize(
    ("received", "flags"),
    [
        ("00", "00"),
        ("01", "01"),
        # Level 2: the trace id is random, which stays true.
        ("02", "02"),
        ("03", "03"),
        # Flags that nobody knows are not sent on.
        ("04", "00"),
        ("09", "01"),
        ("80", "00"),
        ("fc", "00"),
        ("fe", "02"),
        ("ff", "03"),
    ],
)
def test_flags(serve: Serve, received: str, flags: str) -> None:
    found = one(serve, f"traceparent: 00-{IDS}-{received}")
    assert (found.trace_id, found.flags) == (TRACE, flags)


def members(first: int, last: int) -> str:
    """Members `bar01=01` and so on."""
    return ",".join(f"bar{number:02}={number:02}" for number in range(first, last + 1))


KEY = "abcdefghijklmnopqrstuvwxyz0123456789_-*/"
VALUE = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) not in ",=")


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        pytest.param(["tracestate: foo=1,bar=2"], "foo=1,bar=2", id="traceparent_included"),
        pytest.param(["TraceState: foo=1"], "foo=1", id="header_name_valid_casing"),
        pytest.param(["TrAcEsTaTe: foo=1"], "foo=1", id="header_name_valid_casing"),
        pytest.param(["TRACESTATE: foo=1"], "foo=1", id="header_name_valid_casing"),
        pytest.param(["tracestate: foo=1", "tracestate: "], "foo=1", id="empty_header"),
        pytest.param(["tracestate: ", "tracestate: foo=1"], "foo=1", id="empty_header"),
        pytest.param(["tracestate: foo=1,,bar=2, ,"], "foo=1,bar=2", id="empty_members"),
        pytest.param(
            ["tracestate: foo=1,bar=2", "tracestate: rojo=1,congo=2", "tracestate: baz=3"],
            "foo=1,bar=2,rojo=1,congo=2,baz=3",
            id="multiple_headers_different_keys",
        ),
        pytest.param(
            ["tracestate: foo=1 , ", "tracestate:\t bar=2\t", "tracestate: ,baz=3"],
            "foo=1,bar=2,baz=3",
            id="multiple_headers_with_ows",
        ),
        pytest.param([f"tracestate: {KEY}={VALUE}"], f"{KEY}={VALUE}", id="all_allowed_characters"),
        pytest.param(
            [f"tracestate: {KEY}@a-z0-9_-*/={VALUE}"],
            f"{KEY}@a-z0-9_-*/={VALUE}",
            id="all_allowed_characters",
        ),
        pytest.param(["tracestate: 0foo=1"], "0foo=1", id="key_begins_with_a_digit"),
        *(
            pytest.param([f"tracestate: {value}"], kept, id="ows_handling")
            for value, kept in [
                ("foo=1 \t , \t bar=2, \t baz=3", "foo=1,bar=2,baz=3"),
                ("foo=1\t \t,\t \tbar=2,\t \tbaz=3", "foo=1,bar=2,baz=3"),
                (" foo=1", "foo=1"),
                ("\tfoo=1", "foo=1"),
                ("foo=1 ", "foo=1"),
                ("foo=1\t", "foo=1"),
                ("\t foo=1 \t", "foo=1"),
                ("foo= 1", "foo= 1"),
            ]
        ),
        # Level 2 takes "@" for a character like any other.
        *(
            pytest.param([f"tracestate: {value}"], value, id="key_vendor_format")
            for value in ("foo@=1,bar=2", "foo@@bar=1,bar=2", "foo@bar@baz=1,bar=2")
        ),
        pytest.param(
            [
                *(f"tracestate: {members(*some)}" for some in ((1, 10), (11, 20), (21, 30))),
                f"tracestate: {members(31, 32)}",
            ],
            members(1, 32),
            id="member_count_limit",
        ),
        *(
            pytest.param(
                ["tracestate: foo=1", f"tracestate: {key}=1"], f"foo=1,{key}=1", id="key_length"
            )
            for key in (
                "z" * 256,
                "t" * 241 + "@" + "v" * 14,
                "t" * 242 + "@v",
                "t@" + "v" * 15,
            )
        ),
        pytest.param(["tracestate: foo=" + "v" * 256], "foo=" + "v" * 256, id="value_length"),
    ],
)
def test_a_tracestate_is_inherited(serve: Serve, lines: list[str], kept: str) -> None:
    found = one(serve, f"traceparent: {NOT_SAMPLED}", *lines)
    assert (found.trace_id, found.tracestate) == (TRACE, kept.split(","))


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["trace-state: foo=1"], id="header_name"),
        pytest.param(["trace.state: foo=1"], id="header_name"),
        pytest.param(["tracestate: "], id="empty_header"),
        *(
            pytest.param([f"tracestate: {value}"], id=description)
            for description, value in [
                ("key_illegal_characters", "foo =1"),
                ("key_illegal_characters", "FOO=1"),
                ("key_illegal_characters", "foo.bar=1"),
                ("key_illegal_characters", "fo\xf6=1"),
                ("key_illegal_first_character", "_foo=1,bar=2"),
                ("key_illegal_vendor_format", "@foo=1,bar=2"),
                ("key_missing", "=1,bar=2"),
                ("value_illegal_characters", "foo=bar=baz"),
                ("value_illegal_characters", "foo=b\xe4r"),
                ("value_illegal_characters", "foo=b\tr"),
                ("value_empty", "foo=,bar=3"),
                ("value_missing", "foo,bar=3"),
                ("value_too_long", "foo=" + "v" * 257),
            ]
        ),
        pytest.param(
            [
                *(f"tracestate: {members(*some)}" for some in ((1, 10), (11, 20), (21, 30))),
                f"tracestate: {members(31, 33)}",
            ],
            id="member_count_limit",
        ),
        pytest.param(["tracestate: foo=1", "tracestate: " + "z" * 257 + "=1"], id="key_too_long"),
    ],
)
def test_a_tracestate_is_discarded(serve: Serve, lines: list[str]) -> None:
    found = one(serve, f"traceparent: {NOT_SAMPLED}", *lines)
    assert (found.trace_id, found.tracestate) == (TRACE, [])


@pytest.mark.parametrize(
    "values",
    [["foo=1,foo=1"], ["foo=1,foo=2"], ["foo=1", "foo=1"], ["foo=1", "foo=2"], ["foo=1,foo=2,a=1"]],
)
def test_tracestate_duplicated_keys(serve: Serve, values: list[str]) -> None:
    """Inherited; duplicates that others made may stay, or all but the first may go."""
    lines = [f"tracestate: {value}" for value in values]
    found = one(serve, f"traceparent: {NOT_SAMPLED}", *lines)
    everything = ",".join(values).split(",")
    distinct = {member.partition("=")[0]: member for member in reversed(everything)}
    assert found.tracestate in (everything, [*reversed(distinct.values())])


@pytest.mark.parametrize("value", ["foo=1", "foo=1,bar=2"])
def test_a_tracestate_without_traceparent_is_discarded(serve: Serve, value: str) -> None:
    assert one(serve, f"tracestate: {value}").tracestate == []


def test_multiple_requests_with_valid_traceparent(serve: Serve) -> None:
    found = serve(f"traceparent: {VALID}", times=3)
    assert {each.trace_id for each in found} == {TRACE}
    assert len({each.parent_id for each in found} - {PARENT}) == 3


def test_multiple_requests_without_traceparent(serve: Serve) -> None:
    found = serve(times=3)
    assert len({each.parent_id for each in found}) == 3


def test_multiple_requests_with_illegal_traceparent(serve: Serve) -> None:
    found = serve(f"traceparent: 00-{'0' * 32}-{PARENT}-01", times=3)
    assert "0" * 32 not in {each.trace_id for each in found}
    assert len({each.parent_id for each in found}) == 3
