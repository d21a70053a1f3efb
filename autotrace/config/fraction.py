"""A share of requests in the configuration: Envoy's `FractionalPercent`, or plain percent.

https://www.envoyproxy.io/docs/envoy/latest/api-v3/type/v3/percent.proto
"""

from __future__ import annotations

from autotrace.config.problem import Invalid, suggest

# In the order of protobuf's numbers.
DENOMINATORS = ("HUNDRED", "TEN_THOUSAND", "MILLION")


def fraction(setting: str, value: object) -> list[object]:
    """Return numerator and denominator's name; plain percent is rounded as the listener's is."""
    if isinstance(value, dict) and "value" in value:
        value = value["value"]
    if isinstance(value, dict):
        return _fractional(value)
    if isinstance(value, (list, tuple)) and len(value) == 2:
        return _fractional({"numerator": value[0], "denominator": value[1]})
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 100:
        raise Invalid('percent are wanted, or {"numerator": 1, "denominator": "HUNDRED"}.')
    if setting == "client_sampling":
        return [int(value), "HUNDRED"]
    return [int(value * 100 + 0.5), "TEN_THOUSAND"]


def _fractional(fields: dict[object, object]) -> list[object]:
    for name in fields:
        if name not in ("numerator", "denominator"):
            raise Invalid(f'"{name}" is unknown; a fraction has "numerator" and "denominator".')
    numerator = fields.get("numerator", 0)
    # protobuf's JSON may quote whole numbers.
    if isinstance(numerator, str) and numerator.isascii() and numerator.isdigit():
        numerator = int(numerator[:10])
    if isinstance(numerator, bool) or not isinstance(numerator, int) or numerator < 0:
        raise Invalid('"numerator" is to be a whole number.')
    denominator = fields.get("denominator", "HUNDRED")
    if isinstance(denominator, int) and 0 <= denominator < len(DENOMINATORS):
        denominator = DENOMINATORS[denominator]
    if denominator not in DENOMINATORS:
        raise Invalid(f'"denominator" is unknown; {suggest(str(denominator), DENOMINATORS)}')
    return [numerator, denominator]
