"""What a Dynatrace server says while the program runs: how many new traces a minute it wants.

https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/tracers/opentelemetry/samplers/v3/dynatrace_sampler.proto
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from autotrace.provider.dynatrace_rates import Rates
from autotrace.subscription import Next

# As Envoy has them: until the first question, between two of them, and for an answer at most.
FIRST = 10.0
INTERVAL = 300.0
LONGEST_TIMEOUT = INTERVAL / 2
# After any other status it is not asked again.
_PASSING = frozenset((200, 429, 500, 502, 503, 504))
_WANTED = "rootSpansPerMinute"


class WantedTraces:
    """The asking of the server, which changes the rates of one sampler."""

    first = FIRST

    def __init__(self, url: str, headers: Mapping[str, str], timeout: float, rates: Rates) -> None:
        self.url = url
        self.headers = headers
        self.timeout = min(timeout, LONGEST_TIMEOUT)
        self._rates = rates
        self._configured = rates.per_minute

    def question(self) -> None:
        """Nothing is said, there is only something to get."""

    def answered(self, status: int, body: bytes) -> Next:
        """Takes the number; what says none brings back the configured one."""
        if not status:
            return Next(INTERVAL)
        if status != 200:
            return Next(INTERVAL if status in _PASSING else 0.0, f"answered {status}")
        try:
            self._rates.per_minute = int(json.loads(body)[_WANTED])
        except (ValueError, TypeError, KeyError) as error:
            self._rates.per_minute = self._configured
            return Next(INTERVAL, f"no {_WANTED} can be read ({type(error).__name__}: {error})")
        return Next(INTERVAL)
