"""The sampling decision: fractions, reasons, counters."""

from __future__ import annotations

from typing import Any

from autotrace import sampling
from autotrace.request_id import HEADER, NOT_TRACEABLE, set_reason, to_integer
from autotrace.sampling import COUNTED, DENOMINATORS, Fractions, Sampler
from tests.vectors.ops_request_id import NAMES, REASONS, packs
from tests.vectors.registry import known, op

NAMED = {**NAMES, sampling.HEALTH_CHECK: "health_check"}


@op("sampling.fraction")
def fraction(given: dict[str, Any]) -> dict[str, Any]:
    of = DENOMINATORS[given["denominator"]]
    return {"passes": sampling.passes(given["value"], given["numerator"], of)}


@op("sampling.percent_to_fraction")
def percent_to_fraction(given: dict[str, Any]) -> dict[str, Any]:
    numerator, of = sampling.percent_to_fraction(given["field"], given.get("percent"))
    [name] = [name for name, number in DENOMINATORS.items() if number == of]
    return {"numerator": numerator, "denominator": name}


def judged(reason: str, health_check: bool = False) -> dict[str, Any]:
    """The verdict about a reason, and the counter that it adds to."""
    before = sampling.counters()
    final, traced = sampling.decision(reason, health_check)
    COUNTED[final] += 1
    after = sampling.counters()
    [counter] = [name for name in after if after[name] != before[name]]
    return {"reason": NAMED[final], "traced": traced, "counter": counter}


@op("sampling.reason_to_decision")
def reason_to_decision(given: dict[str, Any]) -> dict[str, Any]:
    return judged(REASONS[given["reason"]], given.get("health_check", False))


@op("sampling.decide")
def decide(given: dict[str, Any]) -> dict[str, Any]:
    config, headers = given["config"], known(given["headers"])
    request_id = headers.get(HEADER)
    if not config.get("tracing"):
        # As in the mode `propagate`: nothing is decided.
        outcome = {"reason": NAMES[NOT_TRACEABLE], "traced": False, "counter": None}
        return {**outcome, "request_id": request_id}
    percents = {
        setting.removesuffix("_sampling"): config[setting]
        for setting in sampling.CONVERSIONS
        if config.get(setting) is not None
    }
    sampler = Sampler(
        Fractions.of_percents(**percents),
        packs(given),
        config.get("use_request_id_for_trace_sampling", True),
    )
    if "route" in config:
        sampler = sampler.with_fractions(Fractions.of_route(config["route"]))
    text = request_id or ""
    reason, digit = sampler.follow(
        text,
        to_integer(text),
        "x-client-trace-id" in headers,
        "x-envoy-force-trace" in headers,
        lambda: given["client_random"],
    )
    after = set_reason(text, digit) if digit else text
    return {**judged(reason), "request_id": None if request_id is None else after}
