"""Who is believed at the edge, and which headers are handed on."""

from __future__ import annotations

from typing import Any

from autotrace.trust import Trust, user_agent
from tests.vectors.registry import known, op


@op("edge.mutate")
def mutate(given: dict[str, Any]) -> dict[str, Any]:
    config, headers = given.get("config", {}), known(given["headers"])
    trust = Trust(
        config.get("use_remote_address", False),
        config.get("xff_num_trusted_hops", 0),
        config.get("internal_cidrs", ()),
    )
    edge = trust.mutate(
        given["peer"],
        headers,
        config.get("local_address", ""),
        appends=not config.get("skip_xff_append", False),
    )
    after = {name: value for name, value in headers.items() if name not in edge.removed}
    after.update(edge.written)
    if config.get("add_user_agent"):
        service, node = config.get("service_cluster", ""), config.get("node_id", "")
        after.update(user_agent(headers, service, node))
    return {
        "trusted_address": edge.trusted_address,
        "internal": edge.internal,
        "edge": edge.edge,
        "headers": after,
    }
