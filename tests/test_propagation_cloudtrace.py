"""`x-cloud-trace-context`, by Google's documentation and its readers' examples."""

from __future__ import annotations

import pytest

from autotrace.propagation import cloudtrace
from tests.propagation_spans import Outgoing, known

TRACE = "105445aa7843bc8bf206b12000100000"
NARROW = "64fe8b2a57d3eff7"


@pytest.mark.parametrize(
    ("value", "span_id", "sampled"),
    [
        (f"{TRACE}/1;o=1", "0000000000000001", 1),
        (f"{TRACE}/7017280452245743464;o=1", "6162636465666768", 1),
        (f"{TRACE}/7017280452245743464;o=0", "6162636465666768", 0),
        (f"{TRACE}/18446744073709551615;o=1", "f" * 16, 1),
        (f"{TRACE.upper()}/00789;o=1", "0000000000000315", 1),
        # Bit 1 asks for stack traces.
        (f"{TRACE}/1;o=2", "0000000000000001", 0),
        (f"{TRACE}/1;o=3", "0000000000000001", 1),
        # All forms that App Engine's reader lists as valid.
        (f"{TRACE}/789;o=", "0000000000000315", None),
        (f"{TRACE}/789", "0000000000000315", None),
        (f"{TRACE}/;o=1", "", 1),
        (f"{TRACE}/;o=", "", None),
        (f"{TRACE}/", "", None),
        (f"{TRACE};o=1", "", 1),
        (f"{TRACE};o=", "", None),
        (TRACE, "", None),
        # 0 is no span.
        (f"{TRACE}/0;o=1", "", 1),
    ],
)
def test_extract(value: str, span_id: str, sampled: int | None) -> None:
    incoming = cloudtrace.extract(known(x_cloud_trace_context=value))
    assert incoming is not None
    assert (incoming.trace_id, incoming.span_id, incoming.sampled) == (TRACE, span_id, sampled)
    assert (incoming.format, incoming.parent_id) == ("cloudtrace", "")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "/1;o=1",
        ";o=1",
        f"{'0' * 32}/1;o=1",
        f"{TRACE[1:]}/1;o=1",
        f"{TRACE}0/1;o=1",
        f"{TRACE[:-1]}g/1;o=1",
        f"{TRACE[:-2]}  /1;o=1",
        f"{TRACE}-1;o=1",
        f"{TRACE}/-1;o=1",
        f"{TRACE}/+1;o=1",
        f"{TRACE}/1_0;o=1",
        f"{TRACE}/ 1;o=1",
        f"{TRACE}/ab;o=1",
        f"{TRACE}/\u0661;o=1",
        f"{TRACE}/\xb2;o=1",
        f"{TRACE}/18446744073709551616;o=1",
        f"{TRACE}/{'1' * 21};o=1",
        f"{TRACE}/{'1' * 9999};o=1",
        f"{TRACE}/1;o=a",
        f"{TRACE}/1;o=1 ",
        f"{TRACE}/1;o=+1",
        f"{TRACE}/1;o=18446744073709551616",
        f"{TRACE}/1;o=-1",
        f"{TRACE}/1;o=1;",
        f"{TRACE}/1;x=1",
        f"{TRACE}/1;1",
        f"{TRACE}/1;",
        f"{TRACE}/1/2",
        "\xe9" * 32,
    ],
)
def test_malformed_is_ignored(value: str) -> None:
    assert cloudtrace.extract(known(x_cloud_trace_context=value)) is None


def test_absent() -> None:
    assert cloudtrace.extract(known()) is None


@pytest.mark.parametrize(
    ("span", "value"),
    [
        (Outgoing(TRACE, "6162636465666768", "", 1), f"{TRACE}/7017280452245743464;o=1"),
        (Outgoing(TRACE, "0000000000000001", "", 2), f"{TRACE}/1;o=1"),
        (Outgoing(TRACE, "0000000000000001", "", 0), f"{TRACE}/1;o=0"),
        (Outgoing(TRACE, "f" * 16, "", None), f"{TRACE}/18446744073709551615"),
        (Outgoing(NARROW, "0000000000000001", "", 1), f"{'0' * 16}{NARROW}/1;o=1"),
    ],
)
def test_inject(span: Outgoing, value: str) -> None:
    assert cloudtrace.inject(span) == (("x-cloud-trace-context", value),)
