"""A strict judge of Zipkin v2 JSON, stricter than the server: it takes only what is written well.

https://zipkin.io/zipkin-api/zipkin2-api.yaml , and what server 3.6 refuses or silently repairs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from tests.export_server import Received, Reply

LIMIT = 500_000
HEX = re.compile("(?=.*[1-9a-f])(?:[0-9a-f]{16}|[0-9a-f]{32})")
SPAN_HEX = re.compile("(?=.*[1-9a-f])[0-9a-f]{16}")
KINDS = ("CLIENT", "SERVER", "PRODUCER", "CONSUMER")


class Refused(ValueError):
    """What the server would answer 400 for, or misread."""


def answer(received: Received) -> Reply:
    """Answers as the server does: 202 at once, 400 with the reason and nothing kept."""
    try:
        if received.path != "/api/v2/spans":
            return Reply(404)
        if received.headers.get("content-type") != "application/json":
            raise Refused("content-type")
        spans(received.body)
    except Refused as reason:
        return Reply(400, str(reason).encode())
    return Reply(202)


def spans(body: bytes) -> list[dict[str, Any]]:
    """The spans in the body; raises Refused at the first fault."""
    if len(body) > LIMIT:
        raise Refused("too long")
    if b'yAnnotations"' in body:
        raise Refused("taken for the first version of the format")
    try:
        read = json.loads(body, object_pairs_hook=_without_repeats, parse_constant=_no_constant)
    except ValueError as error:
        raise Refused(f"no JSON: {error}") from error
    if not isinstance(read, list):
        raise Refused("no list")
    for span in read:
        _object(span, "span", SPAN, ("traceId", "id"))
        if span["id"] == span.get("parentId"):
            raise Refused("a span is its own parent")
        if span.get("shared") and span.get("kind") != "SERVER":
            raise Refused("shared on another kind than SERVER")
    return read


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise Refused("a key is repeated")
    return dict(pairs)


def _no_constant(word: str) -> None:
    raise Refused(f"{word} is no JSON")


def _object(
    value: Any, what: str, rules: Mapping[str, Callable[[Any], bool]], required: tuple[str, ...]
) -> None:
    if not isinstance(value, dict):
        raise Refused(f"{what} is no object")
    for key in required:
        if key not in value:
            raise Refused(f"{what} has no {key}")
    for key, each in value.items():
        if key not in rules:
            raise Refused(f"{what} has an unknown key {key}")
        if not rules[key](each):
            raise Refused(f"{what}.{key} is {each!r}")


def _text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _lower(value: Any) -> bool:
    return isinstance(value, str) and value != "" and value == value.lower()


def _matches(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _positive(value: Any) -> bool:
    return type(value) is int and 0 < value < 2**63


def _port(value: Any) -> bool:
    return type(value) is int and 0 < value < 65536


def _address(kind: Callable[[str], Any]) -> Callable[[Any], bool]:
    def holds(value: Any) -> bool:
        try:
            return isinstance(value, str) and bool(kind(value))
        except ValueError:
            return False

    return holds


def _endpoint(value: Any) -> bool:
    _object(value, "endpoint", ENDPOINT, ())
    return bool(value)


def _tags(value: Any) -> bool:
    return isinstance(value, dict) and all(
        _text(key) and _text(each) for key, each in value.items()
    )


def _annotations(value: Any) -> bool:
    for each in value:
        _object(each, "annotation", ANNOTATION, ("timestamp", "value"))
    return isinstance(value, list)


ENDPOINT: dict[str, Callable[[Any], bool]] = {
    "serviceName": _lower,
    "ipv4": _address(IPv4Address),
    "ipv6": _address(IPv6Address),
    "port": _port,
}
ANNOTATION: dict[str, Callable[[Any], bool]] = {"timestamp": _positive, "value": _text}
SPAN: dict[str, Callable[[Any], bool]] = {
    "traceId": _matches(HEX),
    "id": _matches(SPAN_HEX),
    "parentId": _matches(SPAN_HEX),
    "kind": KINDS.__contains__,
    "name": _lower,
    "timestamp": _positive,
    "duration": _positive,
    "localEndpoint": _endpoint,
    "remoteEndpoint": _endpoint,
    "annotations": _annotations,
    "tags": _tags,
    # False is what leaving it out means.
    "debug": lambda value: value is True,
    "shared": lambda value: value is True,
}
