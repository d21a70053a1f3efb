"""Envoy's routes in the configuration: a JSON list, in Envoy's shape as far as tracing needs it.

https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto
"""

from __future__ import annotations

import json
from functools import partial

from autotrace.config import custom_tags, format_string
from autotrace.config.fraction import fraction
from autotrace.config.problem import Invalid, suggest
from autotrace.config.route_match import fields_of, match, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Complain = Callable[[str], None]

FIELDS = (
    *("name", "match", "decorator", "tracing", "metadata", "route"),
    # Of the virtual host and of the listener that a route stands in.
    *("domains", "traffic_direction"),
)
# What an Envoy route may also have and tracing has no use for.
OF_NO_USE = frozenset(
    (
        *("redirect", "direct_response", "filter_action", "non_forwarding_action"),
        *("typed_per_filter_config", "stat_prefix"),
        *("request_headers_to_add", "request_headers_to_remove"),
        *("response_headers_to_add", "response_headers_to_remove"),
        *("per_request_buffer_limit_bytes", "request_body_buffer_limit"),
    )
)
SAMPLING = ("client_sampling", "random_sampling", "overall_sampling")
FORMATS = ("operation", "upstream_operation")
TRACING = (*SAMPLING, "custom_tags", *FORMATS)
DIRECTIONS = ("INBOUND", "OUTBOUND", "UNSPECIFIED")


def parse(value: object, complain: Complain) -> tuple[dict[str, Any], ...]:
    """Return the valid routes in their order, names in snake case and fractions as pairs."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise Invalid(f"a JSON list of routes is wanted ({error}).") from None
    if not isinstance(value, (list, tuple)):
        raise Invalid('a list is wanted, such as [{"match": {"prefix": "/api"}}].')
    found: list[dict[str, Any]] = []
    for position, entry in enumerate(value, start=1):
        try:
            found.append(_route(entry, partial(_complain, complain, position)))
        except Invalid as fault:
            complain(f"entry {position} is left out: {fault}")
    return tuple(found)


def _complain(complain: Complain, position: int, fault: str) -> None:
    complain(f"entry {position}: {fault}")


def _route(entry: object, complain: Complain) -> dict[str, Any]:
    fields = fields_of(entry, (*FIELDS, *OF_NO_USE))
    if "match" not in fields:
        raise Invalid('it needs a "match", such as {"prefix": "/"}.')
    made: dict[str, Any] = {"match": match(fields["match"])}
    if fields.get("name"):
        made["name"] = text("name", fields["name"])
    if "domains" in fields:
        made["domains"] = _domains(fields["domains"])
    if "traffic_direction" in fields:
        made["traffic_direction"] = _direction(fields["traffic_direction"])
    if fields.get("decorator") is not None:
        made["decorator"] = _decorator(fields["decorator"])
    if fields.get("tracing") is not None:
        made["tracing"] = _tracing(fields["tracing"], complain)
    if fields.get("metadata") is not None:
        made["metadata"] = {"filter_metadata": _metadata(fields["metadata"])}
    cluster = _cluster(fields.get("route"))
    if cluster:
        made["route"] = {"cluster": cluster}
    unknown = [name for name in fields if name not in FIELDS and name not in OF_NO_USE]
    for name in unknown:
        complain(f'the field "{name}" is unknown; {suggest(name, FIELDS)}')
    return made


def _domains(value: object) -> list[str]:
    if not isinstance(value, (list, tuple)) or not value:
        raise Invalid('"domains" is to be a list, such as ["*.example.com"].')
    domains = [text("domains", each).lower() for each in value]
    for domain in domains:
        if "*" in domain[1:-1] or (domain.count("*") > 1):
            raise Invalid(f'the domain "{domain}" may have one * only, at its beginning or end.')
    return domains


def _direction(value: object) -> str:
    word = str(value).upper()
    if word not in DIRECTIONS:
        raise Invalid(f'"traffic_direction" is unknown; {suggest(word, DIRECTIONS)}')
    return word


def _decorator(value: object) -> dict[str, Any]:
    fields = fields_of(value, ("operation", "propagate"), strict="decorator")
    operation = text("operation", fields.get("operation", ""))
    propagate = fields.get("propagate", True)
    if isinstance(propagate, dict):
        # The wrapped form that protobuf's binary-minded tools write.
        propagate = propagate.get("value", False)
    if not isinstance(propagate, bool):
        raise Invalid('"propagate" of "decorator" is true or false.')
    return {"operation": operation, "propagate": propagate}


def _tracing(value: object, complain: Complain) -> dict[str, Any]:
    fields = fields_of(value, TRACING)
    made: dict[str, Any] = {}
    for name, content in fields.items():
        try:
            if name in SAMPLING:
                made[name] = fraction(name, content)
            elif name == "custom_tags":
                made[name] = custom_tags.parse(content, lambda at: complain(f'"custom_tags": {at}'))
            elif name in FORMATS:
                if content:
                    made[name] = format_string.parse(content, complain)
            else:
                complain(f'"tracing" has no field "{name}"; {suggest(name, TRACING)}')
        except Invalid as fault:
            # Of the rest of the route more is right than without it.
            complain(f'"{name}" of "tracing" is left out: {fault}')
    return made


def _metadata(value: object) -> dict[str, dict[str, Any]]:
    spaces = fields_of(value, ("filter_metadata",)).get("filter_metadata", {})
    if not isinstance(spaces, dict) or not all(isinstance(each, dict) for each in spaces.values()):
        raise Invalid('"filter_metadata" is to hold an object for each namespace.')
    return {str(name): each for name, each in spaces.items()}


def _cluster(value: object) -> str:
    """Return the cluster that a route names itself; nothing where it is chosen in another way."""
    cluster = value.get("cluster") if isinstance(value, dict) else ""
    return cluster if isinstance(cluster, str) else ""
