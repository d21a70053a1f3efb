"""Envoy's health check filter: which requests are health checks, and so are not traced.

https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/filters/http/health_check/v3/health_check.proto
"""

from __future__ import annotations

from autotrace.envoy_config.message import Message, as_dict, fields, items
from autotrace.envoy_config.routes import HEADER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.envoy_config.node import Node
    from autotrace.envoy_config.reading import Reading

ANSWERED = "health checks are answered by the program"
HEALTH_CHECK = Message(
    "HealthCheck",
    "headers",
    {ANSWERED: "pass_through_mode cache_time cluster_min_healthy_percentages"},
)


def paths(node: Node, reading: Reading) -> list[str]:
    """Return the rules of the setting `health_check_paths` that a filter stands for."""
    headers = items(fields(node, HEALTH_CHECK, reading).get("headers"), reading)
    found = {"method": "", "path": ""}
    for each in headers:
        matcher = as_dict(each, HEADER, reading)
        name = matcher.pop("name", "")
        glob = _glob(matcher)
        if name == ":path" and glob:
            found["path"] = glob
        elif name == ":method" and glob.isalpha():
            found["method"] = f"{glob} "
        else:
            reading.ignore(each, "a health check is known by its :path and :method alone")
            return []
    return [found["method"] + found["path"]] if found["path"] else []


def _glob(matcher: dict[str, Any]) -> str:
    """Return what a matcher of texts means as a glob, or nothing."""
    inner = matcher.pop("string_match", None)
    if isinstance(inner, dict):
        matcher = {**{f"{kind}_match": text for kind, text in inner.items()}, **matcher}
    [kind, text] = next(iter(matcher.items()), ("", ""))
    if len(matcher) != 1 or not isinstance(text, str) or not text:
        return ""
    quoted = "".join(f"[{sign}]" if sign in "*?[" else sign for sign in text)
    patterns = {
        "exact_match": quoted,
        "prefix_match": f"{quoted}*",
        "suffix_match": f"*{quoted}",
        "contains_match": f"*{quoted}*",
    }
    return patterns.get(kind, "")
