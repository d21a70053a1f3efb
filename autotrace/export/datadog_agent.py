"""Datadog's agent: where spans are posted, what is said with them, and what it answers.

https://docs.datadoghq.com/tracing/guide/send_traces_to_agent_by_api/
"""

from __future__ import annotations

import json
import platform
from typing import TYPE_CHECKING

from autotrace import __version__, datadog_rates, datadog_remote
from autotrace.export.container import container_headers
from autotrace.export.http_receiver import HttpReceiver
from autotrace.export.receiver import Outcome
from autotrace.export.sender import Sender
from autotrace.export.unavailable import Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autotrace.config import Config
    from autotrace.export.receiver import Patience, Receiver
    from autotrace.export.resource import Resource
    from autotrace.span import Span

PATH = "/v0.4/traces"
# It takes no more than 25 MiB.
LIMIT = 10_000_000
RETRIED = frozenset({429})


def open_receiver(config: Config, resource: Resource) -> Receiver:
    """The configured agent."""
    try:
        from autotrace.export.datadog import CONTENT_TYPE, Encoder
    except ImportError as error:
        return Unavailable(f"Datadog's format needs msgpack ({error}); pip install msgpack")
    encoder = Encoder(config)
    headers = {
        "Datadog-Meta-Lang": "python",
        "Datadog-Meta-Lang-Version": platform.python_version(),
        "Datadog-Meta-Lang-Interpreter": platform.python_implementation(),
        "Datadog-Meta-Tracer-Version": __version__,
        # Without it a full agent drops what it has said yes to.
        "Datadog-Send-Real-Http-Status": "true",
        **container_headers(),
        **config.datadog_headers,
    }
    return _Agent(
        Sender(
            config.datadog_endpoint.rstrip("/") + PATH,
            headers,
            config.datadog_timeout,
            compress=False,
        ),
        encoder.encode,
        resource,
        CONTENT_TYPE,
        RETRIED,
        LIMIT,
        judge,
        headers=encoder.headers,
    )


class _Agent(HttpReceiver):
    """The agent, which may say from afar that it wants no spans."""

    def deliver(self, spans: Sequence[Span], patience: Patience) -> Outcome:
        """Sends the spans, unless nobody wants them."""
        return super().deliver(spans, patience) if datadog_remote.enabled() else Outcome()


def judge(answer: bytes, count: int, address: str) -> Outcome:
    """All are taken; the agent says with it how much of what comes next it wants."""
    try:
        rates = json.loads(answer)["rate_by_service"]
        found = {str(key): float(rate) for key, rate in rates.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        # Older agents answer "OK".
        return Outcome(sent=count)
    if found:
        datadog_rates.learn(found)
    return Outcome(sent=count)
