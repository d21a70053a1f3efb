"""The samplers of Envoy's OpenTelemetry tracer, made of the configuration as Envoy writes it.

`always_on`, `trace_id_ratio_based`, `parent_based`, `cel` and `dynatrace`, by these names, by their
names in camel case or as Envoy's extensions (`name` and `typed_config`).

https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/trace/v3/opentelemetry.proto
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from autotrace.provider.asked import Asked, Sampler, Sampling
from autotrace.provider.cel_text import Unwritable
from autotrace.provider.cel_text import text as written

if TYPE_CHECKING:
    from autotrace.provider.dynatrace_rates import Rates

# A sampler, or else what is wrong with what is configured, in words.
Parsed = tuple[Sampler | None, str]

DENOMINATORS = {"HUNDRED": 100, "TEN_THOUSAND": 10_000, "MILLION": 1_000_000}
# As protobuf numbers them.
_NUMBERED = (100, 10_000, 1_000_000)
_UINT32 = range(2**32)

_NAMES = ("always_on", "trace_id_ratio_based", "parent_based", "cel", "dynatrace")
# Nobody wraps samplers that deep on purpose.
_DEEPEST = 8


def always_on(asked: Asked) -> Sampling:
    """Yes."""
    return Sampling(True)


class TraceIdRatioBased:
    """A share of all traces, the same ones wherever this is asked."""

    __slots__ = ("denominator", "numerator")

    def __init__(self, numerator: int, denominator: int) -> None:
        self.numerator = numerator
        self.denominator = denominator

    def __call__(self, asked: Asked) -> Sampling:
        """Whether the trace is of the share."""
        # Envoy takes the bytes for a number as they lie in memory, on any usual machine.
        number = int.from_bytes(bytes.fromhex(asked.trace_id[:16]), "little")
        return Sampling(number % self.denominator < self.numerator)

    def __str__(self) -> str:
        return f"TraceIdRatioBasedSampler{{{self.numerator}/{self.denominator}}}"


class ParentBased:
    """What the caller decided; without a caller, what the wrapped sampler says."""

    __slots__ = ("asks", "header_names", "rates", "wrapped")

    def __init__(self, wrapped: Sampler) -> None:
        self.wrapped = wrapped
        self.asks = asks(wrapped)
        self.header_names = header_names(wrapped)
        self.rates = rates(wrapped)

    def __call__(self, asked: Asked) -> Sampling:
        """Whether the trace is recorded here."""
        return self.wrapped(asked) if asked.parent is None else Sampling(asked.parent)


def asks(sampler: Sampler | None) -> bool:
    """Whether a sampler goes by what is asked for."""
    return bool(getattr(sampler, "asks", False))


def rates(sampler: Sampler | None) -> Rates | None:
    """The rates that a sampler goes by, where a server may change them."""
    found: Rates | None = getattr(sampler, "rates", None)
    return found


def header_names(sampler: Sampler | None) -> frozenset[str]:
    """The headers that a sampler reads."""
    found: frozenset[str] = getattr(sampler, "header_names", frozenset())
    return found


def parse_sampler(configured: Mapping[str, Any], depth: int = 0) -> Parsed:
    """The configured sampler; none, without a problem, where none is configured."""
    if not configured:
        return None, ""
    name, fields = _named(configured)
    if not isinstance(fields, Mapping):
        return None, f"opentelemetry_sampler: {name}: an object is wanted."
    if depth > _DEEPEST:
        return None, "opentelemetry_sampler: wrapped too deep."
    if name in ("cel", "c_e_l"):
        return _cel(fields)
    if name == "dynatrace":
        return _dynatrace(fields)
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


def _cel(fields: Mapping[str, Any]) -> Parsed:
    from autotrace.provider import cel

    expression = fields.get("expression")
    if isinstance(expression, Mapping):
        try:
            expression = _written(expression)
        except Unwritable:
            expression = None
    if not isinstance(expression, str) or not expression:
        return None, "opentelemetry_sampler: cel: expression: the expression as text is wanted."
    sampler, problem = cel.made_ready(expression)
    told = f"opentelemetry_sampler: cel: {problem}." if problem else ""
    return sampler, told or _unknown("cel", fields, ("expression",))


def _written(expression: Mapping[str, Any]) -> object:
    """The text of an `xds.type.v3.CelExpression`, or of one made ready by Envoy's tools."""
    inner = {_snake(str(key)): value for key, value in expression.items()}
    for name in ("cel_expr_parsed", "cel_expr_checked", "parsed_expr", "checked_expr"):
        tree = inner.get(name)
        if isinstance(tree, Mapping):
            return written(tree.get("expr"))
    return inner.get("cel_expr_string")


def _dynatrace(fields: Mapping[str, Any]) -> Parsed:
    from autotrace.provider.dynatrace import Dynatrace

    fields = {_snake(str(key)): value for key, value in fields.items()}
    where = "opentelemetry_sampler: dynatrace"
    tenant, cluster = fields.get("tenant", ""), fields.get("cluster_id", 0)
    if not isinstance(tenant, str):
        return None, f"{where}: tenant: a text is wanted."
    per_minute = _whole(fields.get("root_spans_per_minute", 0))
    cluster = _whole(str(cluster).removeprefix("-")) * (-1 if str(cluster).startswith("-") else 1)
    if per_minute < 0 or str(cluster) != str(fields.get("cluster_id", 0)).removesuffix(".0"):
        return None, f"{where}: cluster_id and root_spans_per_minute: whole numbers are wanted."
    known = ("tenant", "cluster_id", "root_spans_per_minute")
    problem = _unknown("dynatrace", fields, known)
    if "http_service" in fields:
        problem = f"{where}: http_service: AUTOTRACE_DYNATRACE_ENDPOINT names the server."
    return Dynatrace(tenant, cluster, per_minute), problem


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
