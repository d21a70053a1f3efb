"""The samplers of Envoy's OpenTelemetry tracer, made of the configuration as Envoy writes it.

`always_on`, `trace_id_ratio_based` and `parent_based`, by these names, by their names in camel case
or as Envoy's extensions (`name` and `typed_config`).

https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/trace/v3/opentelemetry.proto
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

# Whether the caller's span is sampled (None without a caller), and the trace id.
Sampler = Callable[["bool | None", str], bool]
# A sampler, or else what is wrong with what is configured, in words.
Parsed = tuple[Sampler | None, str]

DENOMINATORS = {"HUNDRED": 100, "TEN_THOUSAND": 10_000, "MILLION": 1_000_000}
# As protobuf numbers them.
_NUMBERED = (100, 10_000, 1_000_000)
_UINT32 = range(2**32)

_NOT_THERE = {
    "cel": "an expression language is not part of this program",
    "dynatrace": "it needs the sampling rates of a Dynatrace server",
}
_NAMES = ("always_on", "trace_id_ratio_based", "parent_based", *_NOT_THERE)
# Nobody wraps samplers that deep on purpose.
_DEEPEST = 8


def always_on(parent: bool | None, trace_id: str) -> bool:
    """Yes."""
    return True


class TraceIdRatioBased:
    """A share of all traces, the same ones wherever this is asked."""

    __slots__ = ("denominator", "numerator")

    def __init__(self, numerator: int, denominator: int) -> None:
        self.numerator = numerator
        self.denominator = denominator

    def __call__(self, parent: bool | None, trace_id: str) -> bool:
        """Whether the trace is of the share."""
        # Envoy takes the bytes for a number as they lie in memory, on any usual machine.
        number = int.from_bytes(bytes.fromhex(trace_id[:16]), "little")
        return number % self.denominator < self.numerator

    def __str__(self) -> str:
        return f"TraceIdRatioBasedSampler{{{self.numerator}/{self.denominator}}}"


class ParentBased:
    """What the caller decided; without a caller, what the wrapped sampler says."""

    __slots__ = ("wrapped",)

    def __init__(self, wrapped: Sampler) -> None:
        self.wrapped = wrapped

    def __call__(self, parent: bool | None, trace_id: str) -> bool:
        """Whether the trace is recorded here."""
        return self.wrapped(None, trace_id) if parent is None else parent


def parse_sampler(configured: Mapping[str, Any], depth: int = 0) -> Parsed:
    """The configured sampler; none, without a problem, where none is configured."""
    if not configured:
        return None, ""
    name, fields = _named(configured)
    if not isinstance(fields, Mapping):
        return None, f"opentelemetry_sampler: {name}: an object is wanted."
    if depth > _DEEPEST:
        return None, "opentelemetry_sampler: wrapped too deep."
    if name in _NOT_THERE:
        return None, f"opentelemetry_sampler: {name} is not available: {_NOT_THERE[name]}."
    if name == "always_on":
        return always_on, _unknown(name, fields, ())
    if name == "trace_id_ratio_based":
        return _ratio(fields)
    if name == "parent_based":
        return _parent_based(fields, depth)
    return None, f'opentelemetry_sampler: "{name}" is unknown; known: {", ".join(_NAMES)}.'


def _named(configured: Mapping[str, Any]) -> tuple[str, object]:
    """The sampler's name in snake case, and its fields."""
    typed = configured.get("typed_config", configured.get("typedConfig"))
    if isinstance(typed, Mapping):
        # type.googleapis.com/envoy.extensions.tracers.opentelemetry.samplers.v3.<this>
        message = str(typed.get("@type", "")).rpartition(".")[2]
        fields = {key: value for key, value in typed.items() if key != "@type"}
        return _snake(message.removesuffix("Config").removesuffix("Sampler")), fields
    if len(configured) != 1:
        return ", ".join(str(key) for key in configured), {}
    ((key, value),) = configured.items()
    return _snake(str(key)), {} if value is None else value


def _snake(name: str) -> str:
    """A name of protobuf's JSON, or of a message, as the field is called."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


def _parent_based(fields: Mapping[str, Any], depth: int) -> Parsed:
    fields = {_snake(str(key)): value for key, value in fields.items()}
    wrapped = fields.get("wrapped_sampler")
    if not isinstance(wrapped, Mapping) or not wrapped:
        return None, "opentelemetry_sampler: parent_based: wrapped_sampler is wanted."
    sampler, problem = parse_sampler(wrapped, depth + 1)
    if sampler is None:
        return None, problem
    return ParentBased(sampler), problem or _unknown("parent_based", fields, ("wrapped_sampler",))


def _ratio(fields: Mapping[str, Any]) -> Parsed:
    fields = {_snake(str(key)): value for key, value in fields.items()}
    percentage = fields.get("sampling_percentage") or {}
    where = "opentelemetry_sampler: trace_id_ratio_based: sampling_percentage"
    if not isinstance(percentage, Mapping):
        return None, f"{where}: an object with numerator and denominator is wanted."
    numerator = _whole(percentage.get("numerator", 0))
    if numerator not in _UINT32:
        return None, f"{where}.numerator: a whole number from 0 is wanted."
    named = percentage.get("denominator", "HUNDRED")
    denominator = DENOMINATORS.get(str(named).upper(), 0)
    if _whole(named) in range(len(_NUMBERED)):
        denominator = _NUMBERED[_whole(named)]
    if not denominator:
        return None, f"{where}.denominator: {', '.join(DENOMINATORS)} is wanted."
    problem = _unknown("trace_id_ratio_based", fields, ("sampling_percentage",)) or _unknown(
        "sampling_percentage", percentage, ("numerator", "denominator")
    )
    return TraceIdRatioBased(numerator, denominator), problem


def _whole(value: object) -> int:
    """A whole number, also as the text that protobuf's JSON may have; -1 if it is none."""
    text = "" if isinstance(value, bool) else str(value).removesuffix(".0")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else -1


def _unknown(name: str, fields: Mapping[str, Any], known: tuple[str, ...]) -> str:
    """What to say of fields that nobody knows."""
    unknown = [f'"{key}"' for key in fields if str(key) not in known]
    return f"opentelemetry_sampler: {name}: {', '.join(unknown)}: unknown." if unknown else ""
