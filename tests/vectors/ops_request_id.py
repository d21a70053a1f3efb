"""Request ids: made, kept or replaced, and what is packed into them."""

from __future__ import annotations

from typing import Any

from autotrace import request_id
from autotrace.trust import Trust, forwarded_for
from tests.vectors.registry import known, op

# The names of the vectors -> the digits.
REASONS = {
    "not_traceable": request_id.NOT_TRACEABLE,
    "sampling": request_id.SAMPLING,
    "service_forced": request_id.SERVICE_FORCED,
    "client_forced": request_id.CLIENT_FORCED,
}
NAMES = {reason: name for name, reason in REASONS.items()}

_BITS = 0x0123456789ABCDEF0123456789ABCDEF


def packs(given: dict[str, Any]) -> bool:
    """Whether reasons are packed."""
    return bool(given.get("config", {}).get("pack_trace_reason", True))


@op("request_id.to_integer")
def to_integer(given: dict[str, Any]) -> dict[str, Any]:
    integer = request_id.to_integer(given["request_id"] or "")
    remainder = None if integer is None else integer % given["modulus"]
    return {"integer": integer, "remainder": remainder}


@op("request_id.get_reason")
def get_reason(given: dict[str, Any]) -> dict[str, Any]:
    reason = request_id.get_reason(given["request_id"] or "", packs(given))
    return {"reason": NAMES[reason]}


@op("request_id.set_reason")
def set_reason(given: dict[str, Any]) -> dict[str, Any]:
    if given["request_id"] is None:
        return {"request_id": None}
    reason = REASONS[given["reason"]]
    return {"request_id": request_id.set_reason(given["request_id"], reason, packs(given))}


@op("request_id.ingest")
def ingest(given: dict[str, Any]) -> dict[str, Any]:
    config, headers = given.get("config", {}), known(given["headers"])
    trust = Trust(
        config.get("use_remote_address", False),
        config.get("xff_num_trusted_hops", 0),
        config.get("internal_cidrs", ()),
    )
    edge = trust.is_edge(given["peer"], forwarded_for(headers))
    generates = config.get("generate_request_id", True)
    arrived = headers.get(request_id.HEADER)
    kept = request_id.kept(
        arrived or "",
        edge,
        generates,
        config.get("preserve_external_request_id", False),
        packs(given),
    )
    if not kept and generates:
        made = request_id.generate(_BITS)
        return {"request_id": made, "generated": made != arrived}
    return {"request_id": None if arrived is None else kept, "generated": False}


@op("request_id.response")
def response(given: dict[str, Any]) -> dict[str, Any]:
    config, headers = given.get("config", {}), known(given["request_headers"])
    always = config.get("always_set_request_id_in_response", False)
    told = request_id.response(
        headers.get(request_id.HEADER), always, "x-envoy-force-trace" in headers
    )
    after = dict(given["response_headers"])
    if told is not None:
        after[request_id.HEADER] = told
    return {"response_headers": after}
