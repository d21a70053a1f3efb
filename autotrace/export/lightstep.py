"""Lightstep, ServiceNow's Cloud Observability: OTLP over HTTP with the project's access token.

Its own protocol, which Envoy's tracer spoke, is what its satellites take besides.

https://docs.lightstep.com/docs/send-otlp-over-http-to-lightstep
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autotrace.export import otlp
from autotrace.export.http_receiver import OTLP_LIMIT, OTLP_RETRIED, HttpReceiver
from autotrace.export.judges import partial_success
from autotrace.export.sender import Sender
from autotrace.export.unavailable import Unavailable

if TYPE_CHECKING:
    from autotrace.config import Config
    from autotrace.export.receiver import Receiver
    from autotrace.export.resource import Resource

HEADER = "lightstep-access-token"


def open_receiver(config: Config, resource: Resource) -> Receiver:
    """The configured satellite, or Lightstep's own."""
    try:
        token = config.lightstep_token or _read(config.lightstep_token_file)
    except (OSError, ValueError) as error:
        return Unavailable(f"no access token in {config.lightstep_token_file}: {error}")
    sender = Sender(
        config.lightstep_endpoint, {HEADER: token} if token else {}, config.lightstep_timeout
    )
    return HttpReceiver(
        sender,
        otlp.encode,
        resource,
        otlp.CONTENT_TYPE,
        OTLP_RETRIED,
        OTLP_LIMIT,
        partial_success(otlp.rejected),
    )


def _read(file: str) -> str:
    if not file:
        return ""
    with open(file, encoding="ascii") as opened:
        return opened.read().strip()
