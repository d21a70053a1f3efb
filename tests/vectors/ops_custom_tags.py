"""Vectors of custom tags: entries go through the configuration, spans are read."""

from __future__ import annotations

from typing import Any

from autotrace.config.custom_tags import parse
from autotrace.custom_tags import CustomTags
from autotrace.facts import ServerRequest
from autotrace.routes import Route
from autotrace.span import SERVER
from autotrace.tags import Reading
from tests.vectors.ops_tags import span
from tests.vectors.registry import Given, Outcome, op

REQUEST = ServerRequest("", "", "", "", "", "", "", 0)


def entries(given: Any) -> Any:
    """The entries as the configuration takes them."""
    return parse(given, lambda complaint: None)


def written(custom: CustomTags, headers: Any, route: Route) -> dict[str, Any]:
    """The tags that are written on a span."""
    made = span(SERVER, REQUEST, Reading(custom=custom), headers)
    made.call.route_rule = route  # type: ignore[attr-defined]
    tags: dict[str, Any] = {}
    custom.write(made, tags)
    return tags


@op("custom_tags.apply")
def custom_tags_apply(given: Given) -> Outcome:
    metadata = given.get("metadata", {})
    route = _route(metadata={"filter_metadata": metadata.get("route", {})})
    custom = CustomTags(
        entries(given["custom_tags"]),
        configured={kind: metadata[kind] for kind in metadata if kind != "route"},
        environ=given.get("environment", {}),
    )
    return {"tags": written(custom, given.get("request_headers"), route)}


@op("custom_tags.merge")
def custom_tags_merge(given: Given) -> Outcome:
    route = _route(tracing={"custom_tags": entries(given["route_custom_tags"])})
    custom = CustomTags(entries(given["listener_custom_tags"]), [route], environ={})
    return {"tags": written(custom, given.get("request_headers"), route)}


def _route(**fields: Any) -> Route:
    return Route({"match": {"prefix": "/"}, **fields})
