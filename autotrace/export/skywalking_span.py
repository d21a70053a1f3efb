"""How SkyWalking's span tells our tags: some have other names, some are fields.

With the provider `skywalking` as Envoy's tracer has it, else by the names that SkyWalking knows.

https://github.com/apache/skywalking-data-collect-protocol/blob/master/language-agent/Tracing.proto
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from autotrace.export.attribute_text import text

# Envoy's tag -> the name that Envoy's SkyWalking tracer gives it.
_ENVOYS = {"http.url": "url", "http.status_code": "status_code"}
# Tag -> the name by which SkyWalking computes with it.
_NAMES = {
    "http.url": "url",
    "grpc.status_code": "rpc.status_code",
    "db.system.name": "db.type",
    "db.namespace": "db.instance",
    "db.query.text": "db.statement",
    "messaging.destination.name": "mq.queue",
    "messaging.system": "mq.broker",
}
_INTERNAL, _PRODUCER, _CONSUMER = 0, 3, 4
_UNKNOWN, _DATABASE, _RPC, _HTTP, _MQ = range(5)


class Fields(NamedTuple):
    """The fields of a span that its tags fill."""

    tags: dict[str, str]
    is_error: bool
    peer: str


def fields(tags: Iterable[tuple[str, object]], as_envoy: bool = True) -> Fields:
    """The fields of a span with these tags; of equal names the last counts."""
    names = _ENVOYS if as_envoy else _NAMES
    made = {names.get(key, key): text(value) for key, value in tags if value is not None}
    peer = made.pop("peer.address", "")
    return Fields(made, made.get("error") == "true", peer)


def layer(kind: int, tags: Mapping[str, str]) -> int:
    """What sort of thing is called, by SkyWalking's numbers."""
    if kind == _INTERNAL:
        return _UNKNOWN
    if kind in (_PRODUCER, _CONSUMER):
        return _MQ
    if "db.type" in tags:
        return _DATABASE
    is_rpc = "rpc.status_code" in tags or "grpc.path" in tags or "grpc.status_code" in tags
    return _RPC if is_rpc else _HTTP
