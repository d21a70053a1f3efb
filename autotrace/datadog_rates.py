"""The rates at which Datadog's agent wants new traces kept, as its last answer says.

The exporter learns them, the provider `datadog` asks for them where nobody else decides, as the
library in Envoy's tracer does.

https://docs.datadoghq.com/tracing/trace_pipeline/ingestion_mechanisms/#in-the-agent
"""

from __future__ import annotations

from collections.abc import Mapping

# By `service:NAME,env:ENV`, in this process.
_rates: Mapping[str, float] = {}
_ALL = "service:,env:"
# All of Datadog's tracers multiply by this, so that they decide alike.
_FACTOR = 1111111111111111111
_IDS = 2**64


def learn(rates: Mapping[str, float]) -> None:
    """Takes what the agent says in place of what it said before."""
    global _rates
    _rates = dict(rates)


def rate(service: str, env: str) -> float | None:
    """The share of the service's traces that is kept; nothing before the agent has said so."""
    rates = _rates
    return rates.get(f"service:{service},env:{env}", rates.get(_ALL))


def keeps(trace_id: str, rate: float) -> bool:
    """Whether a trace is among those that are kept."""
    return rate >= 1 or int(trace_id[-16:], 16) * _FACTOR % _IDS < rate * _IDS
