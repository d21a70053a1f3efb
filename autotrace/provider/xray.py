"""Envoy's X-Ray tracer: what it makes of `x-amzn-trace-id`.

The header decides, or else X-Ray's own local rules; Envoy's decision does not count at all.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from autotrace.propagation import xray
from autotrace.provider.error_tag import status
from autotrace.provider.verdict import Verdict
from autotrace.provider.xray_rules import Rules, parse

if TYPE_CHECKING:
    from autotrace.config import Config
    from autotrace.headers import Known
    from autotrace.propagation import Inject

__all__ = [
    "INJECTS",
    "NAME",
    "READS",
    "Options",
    "new_trace_id",
    "span_ids",
    "span_name",
    "start",
    "status",
]

NAME = "xray"
READS = xray.HEADERS
INJECTS = ("xray",)

_HEX = frozenset("0123456789abcdef")
_ZERO = "0" * 16
# Host, method and path with its query; empty where not known, which fits every rule.
UNKNOWN = ("", "", "")


class Options:
    """What is configured for the tracer, its local rules, and the clocks it goes by."""

    __slots__ = ("injects", "now_ns", "rules", "segment_name", "time")

    def __init__(
        self,
        rules: Rules,
        segment_name: str = "",
        now_ns: Callable[[], int] = time.monotonic_ns,
        time: Callable[[], float] = time.time,
    ) -> None:
        self.rules = rules
        self.segment_name = segment_name
        self.now_ns = now_ns
        self.time = time
        self.injects = INJECTS

    @classmethod
    def from_config(cls, config: Config) -> Options:
        """The options that the settings describe."""
        return cls(_rules(config.xray_sampling_rule_manifest), config.service_name)

    @property
    def problem(self) -> str:
        """What is wrong with the manifest, in words; empty if nothing is."""
        return self.rules.fault

    @property
    def injections(self) -> tuple[Inject, ...]:
        """What writes the formats of `injects`."""
        return (xray.inject,)


def _rules(manifest: str) -> Rules:
    """The rules of a manifest, or of the file of that name."""
    if manifest and not manifest.lstrip().startswith("{"):
        try:
            with open(manifest, encoding="utf-8") as file:
                manifest = file.read()
        except (OSError, ValueError) as error:
            rules = parse("")
            rules.fault = str(error)
            return rules
    return parse(manifest)


def start(
    known: Known,
    traced: bool,
    options: Options,
    random: Callable[[], int],
    request: tuple[str, str, str] = UNKNOWN,
) -> Verdict:
    """What the tracer makes of a request; its span's own id comes from `span_ids`.

    `request` is its host, method and path. `random` yields 64-bit words: one for the rules, where
    they draw one, and two for the trace id, where a trace begins.
    """
    root, parent, sampled = xray.parse(known.get(xray.TRACE_ID, ""))
    if sampled is None:
        sampled = int(options.rules.sampled(request, options.now_ns(), random))
    trace_id = xray.hex_trace_id(root)
    if trace_id:
        return Verdict(trace_id, _span_id(parent), sampled)
    return Verdict(new_trace_id(int(options.time()), random), sampled=sampled)


def new_trace_id(seconds: int, random: Callable[[], int]) -> str:
    """A trace id whose first eight digits are the time, in seconds since 1970."""
    return f"{seconds & 0xFFFFFFFF:08x}{random() & 0xFFFFFFFF:08x}{random() or 1:016x}"


def _span_id(parent: str) -> str:
    """The id in 16 digits, however many it came with; nothing if it is malformed."""
    if len(parent) > 16 or not _HEX.issuperset(parent):
        return ""
    padded = parent.rjust(16, "0")
    return "" if padded == _ZERO else padded


def span_ids(verdict: Verdict, random: Callable[[], int]) -> tuple[str, str]:
    """The ids of our span and of its parent, empty for none."""
    return f"{random() or 1:016x}", verdict.span_id


def span_name(kind: int, operation: str, host: str, path: str) -> str:
    """The operation; a segment's own name is the service's, whatever the operation is."""
    return operation
