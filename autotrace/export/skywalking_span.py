"""How SkyWalking's span tells Envoy's tags: some have other names, some are fields.

https://github.com/apache/skywalking-data-collect-protocol/blob/master/language-agent/Tracing.proto
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from autotrace.export.attribute_text import text

# Envoy's tag -> the name that Envoy's SkyWalking tracer gives it.
_NAMES = {"http.url": "url", "http.status_code": "status_code"}


class Fields(NamedTuple):
    """The fields of a span that its tags fill."""

    tags: dict[str, str]
    is_error: bool
    peer: str


def fields(tags: Iterable[tuple[str, object]]) -> Fields:
    """The fields of a span with these tags; of equal names the last counts."""
    made = {_NAMES.get(key, key): text(value) for key, value in tags if value is not None}
    peer = made.pop("peer.address", "")
    return Fields(made, made.get("error") == "true", peer)
