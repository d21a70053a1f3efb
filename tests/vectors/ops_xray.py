"""Envoy's X-Ray tracer: its header, its local rules, its segments."""

from __future__ import annotations

import json

from autotrace.export import xray as segments
from autotrace.propagation import xray as header
from autotrace.provider import xray
from autotrace.provider.xray_rules import parse, wildcard
from autotrace.span import CLIENT, SERVER
from tests.export_spans import make_span
from tests.vectors.registry import Given, known, op


@op("xray.parse_header")
def parse_header(given: Given) -> Given:
    root, parent, sampled = header.parse(given["header"])
    return {
        "root": root,
        "parent": parent,
        "sampled": None if sampled is None else bool(sampled),
    }


@op("xray.inject")
def inject(given: Given) -> Given:
    trace_id = header.hex_trace_id(given["trace_id"])
    span = make_span(trace_id=trace_id, span_id=given["span_id"])
    span.sampled = int(given["sampled"])
    ((_, value),) = header.inject(span)
    return {"header": value}


@op("xray.decide")
def decide(given: Given) -> Given:
    rules = parse(json.dumps(given["manifest"])) if given.get("manifest") else parse("")
    verdict = xray.start(
        known(given["headers"]),
        given["envoy_traced"],
        xray.Options(rules, "", lambda: 0),
        lambda: 99,
        request(given.get("request", {})),
    )
    return {"sampled": bool(verdict.sampled)}


def request(given: Given) -> tuple[str, str, str]:
    return given.get("host", ""), given.get("method", ""), given.get("path", "")


@op("xray.wildcard")
def matches(given: Given) -> Given:
    return {"match": wildcard(given["pattern"], given["text"])}


@op("xray.manifest")
def manifest(given: Given) -> Given:
    rules = parse(given["manifest"])
    default = {"fixed_target": rules.default.fixed_target, "rate": rules.default.rate}
    return {"custom_rules": len(rules.custom), "default": default}


@op("xray.rules")
def decisions(given: Given) -> Given:
    rules = parse(json.dumps(given["manifest"]))
    sampled = [
        rules.sampled(request(each), each["t_ms"] * 1_000_000, iter([each["random"]]).__next__)
        for each in given["requests"]
    ]
    return {"sampled": sampled}


@op("xray.segment")
def segment(given: Given) -> Given:
    config = given["config"]
    kind = CLIENT if given.get("direction") == "egress" else SERVER
    span = make_span(tags=tuple(given["tags"].items()), kind=kind)
    headers = known(given.get("request_headers"))
    document = segments.document(
        span,
        config["segment_name"],
        config.get("segment_fields", {}),
        headers.get("x-forwarded-for", ""),
    )
    line, _, body = segments.datagram(document).partition(b"\n")
    return {"header_line": line.decode(), "json": json.loads(body)}
