"""Envoy's OpenTelemetry samplers: what they say, and the spellings in which they are configured."""

from __future__ import annotations

from typing import Any

import pytest

from autotrace.provider.asked import Asked
from autotrace.provider.samplers import (
    ParentBased,
    TraceIdRatioBased,
    always_on,
    parse_sampler,
)

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TYPE = "type.googleapis.com/envoy.extensions.tracers.opentelemetry.samplers.v3."


def typed(message: str, **fields: Any) -> dict[str, Any]:
    """A sampler as an extension of Envoy."""
    return {
        "name": "any",
        "typed_config": {"@type": f"{TYPE}{message}SamplerConfig", **fields},
    }


@pytest.mark.parametrize(
    ("trace_id", "numerator", "denominator", "expected"),
    [
        # The first byte is the lowest.
        ("01" + "0" * 29 + "1", 2, 100, True),
        ("01" + "0" * 29 + "1", 1, 100, False),
        ("64" + "0" * 29 + "1", 1, 100, True),
        ("0001" + "0" * 28, 57, 100, True),
        ("0001" + "0" * 28, 56, 100, False),
        (TRACE, 0, 100, False),
        (TRACE, 100, 100, True),
        (TRACE, 200, 100, True),
        ("f" * 32, 1_000_000, 1_000_000, True),
    ],
)
def test_the_ratio(trace_id: str, numerator: int, denominator: int, expected: bool) -> None:
    sampler = TraceIdRatioBased(numerator, denominator)
    for parent in (None, True):
        assert sampler(Asked(parent, trace_id)).sampled is expected


def test_the_ratio_describes_itself_as_envoys_does() -> None:
    assert str(TraceIdRatioBased(157, 1_000_000)) == "TraceIdRatioBasedSampler{157/1000000}"


@pytest.mark.parametrize(
    ("parent", "wrapped", "expected"),
    [(None, 100, True), (None, 0, False), (True, 0, True), (False, 100, False)],
)
def test_the_parent_counts_before_the_wrapped_one(
    parent: bool | None, wrapped: int, expected: bool
) -> None:
    sampler = ParentBased(TraceIdRatioBased(wrapped, 100))
    assert sampler(Asked(parent, TRACE)).sampled is expected


PERCENT = {"numerator": 157, "denominator": "TEN_THOUSAND"}


@pytest.mark.parametrize(
    "configured",
    [
        {"trace_id_ratio_based": {"sampling_percentage": PERCENT}},
        {"traceIdRatioBased": {"samplingPercentage": PERCENT}},
        {"trace_id_ratio_based": {"sampling_percentage": {"numerator": "157", "denominator": 1}}},
        typed("TraceIdRatioBased", sampling_percentage=PERCENT),
        {"name": "any"}
        | {"typedConfig": typed("TraceIdRatioBased", samplingPercentage=PERCENT)["typed_config"]},
    ],
)
def test_spellings_of_a_ratio(configured: dict[str, Any]) -> None:
    sampler, problem = parse_sampler(configured)
    assert (str(sampler), problem) == ("TraceIdRatioBasedSampler{157/10000}", "")


@pytest.mark.parametrize(
    ("percentage", "expected"),
    [
        ({}, "0/100"),
        ({"numerator": 1}, "1/100"),
        ({"numerator": 1.0, "denominator": "MILLION"}, "1/1000000"),
        ({"numerator": 1, "denominator": 0}, "1/100"),
        ({"numerator": 1, "denominator": "2"}, "1/1000000"),
    ],
)
def test_defaults_of_a_percentage(percentage: dict[str, Any], expected: str) -> None:
    sampler, problem = parse_sampler({"trace_id_ratio_based": {"sampling_percentage": percentage}})
    assert (str(sampler), problem) == (f"TraceIdRatioBasedSampler{{{expected}}}", "")


@pytest.mark.parametrize("configured", [{"always_on": {}}, {"alwaysOn": None}, typed("AlwaysOn")])
def test_spellings_of_always(configured: dict[str, Any]) -> None:
    assert parse_sampler(configured) == (always_on, "")


@pytest.mark.parametrize(
    "configured",
    [
        {"parent_based": {"wrapped_sampler": {"always_on": {}}}},
        {"parentBased": {"wrappedSampler": {"alwaysOn": {}}}},
        typed("ParentBased", wrapped_sampler=typed("AlwaysOn")),
        {
            "parent_based": {
                "wrapped_sampler": {"parent_based": {"wrapped_sampler": {"alwaysOn": {}}}}
            }
        },
    ],
)
def test_samplers_in_samplers(configured: dict[str, Any]) -> None:
    sampler, problem = parse_sampler(configured)
    assert sampler is not None
    answers = [sampler(Asked(parent, TRACE)).sampled for parent in (None, False)]
    assert (answers, problem) == ([True, False], "")


def test_none_is_configured() -> None:
    assert parse_sampler({}) == (None, "")


def deep(levels: int) -> dict[str, Any]:
    """So many samplers in each other."""
    configured: dict[str, Any] = {"always_on": {}}
    for _ in range(levels):
        configured = {"parent_based": {"wrapped_sampler": configured}}
    return configured


@pytest.mark.parametrize(
    ("configured", "said"),
    [
        ({"parent_based": {"wrapped_sampler": {"cel": {}}}}, "the expression as text is wanted"),
        ({"always_off": {}}, '"always_off" is unknown; known: always_on'),
        ({"name": "always_on"}, "name: an object is wanted"),
        ({"always_on": {}, "cel": {}}, '"always_on, cel" is unknown'),
        ({"parent_based": {}}, "wrapped_sampler is wanted"),
        ({"trace_id_ratio_based": 1}, "an object is wanted"),
        ({"trace_id_ratio_based": {"sampling_percentage": 1}}, "an object with numerator"),
        (
            {"trace_id_ratio_based": {"sampling_percentage": {"numerator": -1}}},
            "numerator: a whole number",
        ),
        (
            {"trace_id_ratio_based": {"sampling_percentage": {"numerator": True}}},
            "numerator: a whole number",
        ),
        (
            {"trace_id_ratio_based": {"sampling_percentage": {"denominator": "TEN"}}},
            "denominator: HUNDRED, TEN_THOUSAND, MILLION is wanted",
        ),
        (deep(100), "wrapped too deep"),
    ],
)
def test_what_cannot_be_used_is_said_and_not_raised(configured: dict[str, Any], said: str) -> None:
    sampler, problem = parse_sampler(configured)
    assert sampler is None and said in problem and problem.startswith("opentelemetry_sampler: ")


@pytest.mark.parametrize(
    "configured",
    [
        {"always_on": {"x": 1}},
        {"trace_id_ratio_based": {"x": 1}},
        {"trace_id_ratio_based": {"sampling_percentage": {"x": 1}}},
        {"parent_based": {"x": 1, "wrapped_sampler": {"always_on": {}}}},
        {"parent_based": {"wrapped_sampler": {"always_on": {"x": 1}}}},
    ],
)
def test_unknown_fields_are_said_and_left_out(configured: dict[str, Any]) -> None:
    sampler, problem = parse_sampler(configured)
    assert sampler is not None and '"x": unknown' in problem
