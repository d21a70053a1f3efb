"""X-Ray's segment documents, as Envoy's tracer writes them, and the datagram of one.

Calls that came in are segments, all else subsegments that are sent by themselves.

https://docs.aws.amazon.com/xray/latest/devguide/aws-xray-interface-api.html#xray-api-segmentdocuments
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from autotrace.export.attribute_text import json_bytes, plain, text

if TYPE_CHECKING:
    from autotrace.span import Span

# The daemon finds the document behind this line.
HEADER_LINE = '{"format":"json","version":1}'

_SERVER, _CLIENT, _PRODUCER, _CONSUMER = 1, 2, 3, 4
_ERROR = 2
_NO_FIELDS: Mapping[str, Any] = {}

# tag -> (part of `http`, field); the numbers among them are told by _NUMBERS.
_HTTP = {
    "http.url": ("request", "url"),
    "http.method": ("request", "method"),
    "user_agent": ("request", "user_agent"),
    "http.status_code": ("response", "status"),
    "response_size": ("response", "content_length"),
}
_NUMBERS = frozenset(("status", "content_length"))
_LONGEST_NUMBER = 18

# Characters that X-Ray takes; an annotation of any other name is dropped without a word.
_no_name = re.compile(r"[^\w\s.:/%&#=+\\\-@]").sub
_no_key = re.compile(r"[^A-Za-z0-9_]").sub
_LONGEST_NAME = 200
_LONGEST_KEY = 500
_LONGEST_VALUE = 1000
_MOST_ANNOTATIONS = 50
_MOST_EXCEPTIONS = 10


def datagram(document: Mapping[str, Any]) -> bytes:
    """The datagram that brings a document to the daemon."""
    return HEADER_LINE.encode() + b"\n" + json_bytes(document)


def document(
    span: Span,
    segment_name: str,
    segment_fields: Mapping[str, Any] = _NO_FIELDS,
    forwarded_for: str = "",
) -> dict[str, Any]:
    """The document of a finished span.

    `segment_fields` are Envoy's: `origin` and `aws`. `forwarded_for` is the `x-forwarded-for` that
    came with the request.
    """
    made: dict[str, Any] = {
        "name": _no_name("", segment_name)[:_LONGEST_NAME],
        "id": span.span_id,
        "trace_id": _trace_id(span.trace_id),
        "start_time": span.start_ns / 1e9,
        "end_time": span.end_ns / 1e9,
    }
    if span.parent_id:
        made["parent_id"] = span.parent_id
    if span.kind not in (_SERVER, _CONSUMER) and span.parent_id:
        made["type"] = "subsegment"
        if span.kind in (_CLIENT, _PRODUCER):
            made["namespace"] = "remote"
    for field in ("origin", "aws"):
        if segment_fields.get(field):
            made[field] = plain(segment_fields[field])
    _add_tags(made, span, forwarded_for)
    return made


def _trace_id(trace_id: str) -> str:
    trace_id = trace_id.rjust(32, "0")
    return f"1-{trace_id[:8]}-{trace_id[8:]}"


def _add_tags(made: dict[str, Any], span: Span, forwarded_for: str) -> None:
    http: dict[str, dict[str, Any]] = {}
    if forwarded_for:
        http["request"] = {"client_ip": forwarded_for, "x_forwarded_for": True}
    egress = span.kind in (_CLIENT, _PRODUCER)
    annotations: dict[str, Any] = {"direction": "egress" if egress else "ingress"}
    fault = False
    for name, value in span.tags():
        if not name or value is None or value == "":
            continue
        if name in _HTTP:
            part, field = _HTTP[name]
            _put(http.setdefault(part, {}), field, text(value))
        elif name == "peer.address":
            if not forwarded_for:
                client = {"client_ip": text(value), "x_forwarded_for": False}
                http.setdefault("request", {}).update(client)
        elif name == "error":
            fault = text(value) == "true"
        else:
            _annotate(annotations, name, value)
    if http:
        made["http"] = http
    status = http.get("response", {}).get("status", 0)
    by_client = 400 <= status < 500
    if by_client:
        made["error"] = True
        if status == 429:
            made["throttle"] = True
    # The status knows of failures that Envoy's tag is not written for.
    if fault or (span.status_code == _ERROR and not by_client):
        made["fault"] = True
    made["annotations"] = annotations
    thrown = [event.attributes for event in span.events if event.name == "exception"]
    if thrown:
        made["cause"] = _cause(span.span_id, thrown)


def _cause(span_id: str, thrown: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What was thrown; each needs an id, by which nobody refers to it."""
    return {
        "working_directory": "",
        "exceptions": [
            {
                "id": f"{int(span_id, 16) ^ number:016x}",
                "type": text(attributes.get("exception.type", ""))[:_LONGEST_VALUE],
                "message": text(attributes.get("exception.message", ""))[:_LONGEST_VALUE],
            }
            for number, attributes in enumerate(thrown[:_MOST_EXCEPTIONS], 1)
        ],
    }


def _put(part: dict[str, Any], field: str, value: str) -> None:
    if field not in _NUMBERS:
        part[field] = value
    elif value.isascii() and value.isdigit() and len(value) <= _LONGEST_NUMBER:
        part[field] = int(value)


def _annotate(annotations: dict[str, Any], name: str, value: object) -> None:
    """An annotation is text, a number or a boolean; its name has letters, digits and `_`."""
    if len(annotations) < _MOST_ANNOTATIONS:
        kept = plain(value) if isinstance(value, (bool, int, float)) else text(value)
        key = _no_key("_", name)[:_LONGEST_KEY]
        annotations[key] = kept[:_LONGEST_VALUE] if isinstance(kept, str) else kept
