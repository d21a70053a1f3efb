"""Names that services tell each other, in both directions."""

from __future__ import annotations

import pytest

from autotrace.decorator import answered, served, told


@pytest.mark.parametrize(
    ("operation", "propagate", "header", "name", "echo"),
    [
        ("", True, None, "", ""),
        ("route", True, None, "route", "route"),
        ("route", False, None, "route", ""),
        # The caller's word counts, and nothing is told back.
        ("route", True, "caller", "caller", ""),
        ("", True, "caller", "caller", ""),
        ("route", True, "", "route", "route"),
    ],
)
def test_an_inbound_call(
    operation: str, propagate: bool, header: str | None, name: str, echo: str
) -> None:
    assert served(operation, propagate, header) == (name, echo)
    assert served(operation, propagate, header, formatted=True) == ("", "")


def test_an_outbound_call() -> None:
    assert told("route", True) == "route"
    assert told("route", False) == told("route", True, formatted=True) == ""
    assert answered("route", "callee") == "callee"
    assert answered("route", "") == answered("route", None) == "route"
