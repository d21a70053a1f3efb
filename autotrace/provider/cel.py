"""Envoy's CEL sampler: an expression over the request, which is traced where it says `true`.

Whatever goes wrong while it is evaluated means no. https://cel.dev; Envoy's attributes:
https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/advanced/attributes
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from autotrace.provider.asked import Asked, Sampling

MISSING = "needs a library that evaluates expressions: pip install 'autotrace[cel]'"
# What is known of a request when its span begins.
ATTRIBUTES = frozenset(
    (
        *("headers", "host", "id", "method", "path", "query", "referer", "size", "time"),
        *("url_path", "useragent"),
    )
)
_HEADERS = {
    "id": "x-request-id",
    "referer": "referer",
    "size": "content-length",
    "useragent": "user-agent",
}
_attribute = re.compile(r"\brequest\.(\w+)")
# Names of headers are looked for among the texts of an expression, and as fields of `headers`.
_text = re.compile(r"""["']([A-Za-z0-9_-]{1,64})["']""")
_field = re.compile(r"\bheaders\.(\w+)")
_other = re.compile(r"\b(response|connection|upstream|source|destination|xds|metadata)\.")


class Cel:
    """An expression made ready."""

    asks = True

    def __init__(self, program: Any, expression: str) -> None:
        self._program = program
        self._attributes = frozenset(_attribute.findall(expression))
        self.header_names = frozenset(
            name.lower() for name in (*_text.findall(expression), *_field.findall(expression))
        ) | {_HEADERS[each] for each in self._attributes if each in _HEADERS}

    def __call__(self, asked: Asked) -> Sampling:
        """Whether the expression is true of the request."""
        try:
            sampled = self._program.execute({"request": self._request(asked)}) is True
        except Exception:
            # A header that is not there, types that do not fit: Envoy drops the trace.
            sampled = False
        return Sampling(sampled, None if sampled else "")

    def _request(self, asked: Asked) -> Mapping[str, Any]:
        host, method, path = asked.place
        known = asked.known
        url_path, _, query = path.partition("?")
        headers = {name: ",".join(known.all(name)) for name in known}
        made: dict[str, Any] = {
            "headers": {**headers, ":authority": host, ":method": method, ":path": path},
            "host": host,
            "method": method,
            "path": path,
            "url_path": url_path,
            "query": query.partition("#")[0],
        }
        for name, header in _HEADERS.items():
            if header in headers:
                made[name] = headers[header]
        if "size" in self._attributes:
            made["size"] = int(headers.get("content-length", "0"))
        if "time" in self._attributes:
            made["time"] = datetime.now(timezone.utc)
        return made


def made_ready(expression: str) -> tuple[Cel | None, str]:
    """The sampler of an expression, or what is wrong with it, in words."""
    try:
        import cel
    except ImportError:
        return None, MISSING
    unknown = sorted(frozenset(_attribute.findall(expression)) - ATTRIBUTES)
    unknown += [f"{root}.*" for root in sorted(frozenset(_other.findall(expression)))]
    try:
        program = cel.compile(expression)
    except ValueError as error:
        return None, str(error).partition("\n")[0]
    problem = f"{', '.join(unknown)}: not known when a span begins" if unknown else ""
    return Cel(program, expression), problem
